/** The benchmark's report: one HTML file that needs no network, no script and no other file. */
import { escape } from '../../src/report/markup.js';
import { STYLE } from '../../src/report/style.js';
import { adapterLine } from '../figures.js';
import type { BenchResult } from '../harness/schema.js';
import { ladders, lost, rivals, tunedRows } from './comparisons.js';
import { growth } from './growth.js';
import { header } from './header.js';
import { section, table } from './parts.js';
import { peerSection } from './peers.js';
import { pytorchRows, pytorchText } from './pytorch.js';
import { roofline } from './roofline.js';
import { allRows } from './rows.js';
import { steps } from './steps.js';
import { BENCH_STYLE } from './style.js';

function skipped({ skipped: left }: BenchResult): string {
  return left.length === 0 ? '' : table(['What', 'Why'], left.map(({ what, why }) => [what, why]), 'left');
}

/**
 * The whole page as text. The same result gives the same text.
 * @param pytorch a result of bench/pytorch on the same machine
 */
export function renderBenchReport(result: BenchResult, pytorch: BenchResult | null = null): string {
  const part = (title: string, text: string, body: string): string => section(result, title, text, body);
  const sections = [
    header(result),
    part('Roofline', 'How near every row comes to what the device can do, as measured in this run.', roofline(result)),
    part('Lost comparisons', 'Where something else is faster than Zygo’s kernel, the whole 95 % interval being on its side.', lost(result)),
    part('Other libraries', 'Wall times in one process on one adapter, sampled in turns, every output checked against one reference; docs/peers.md says how fairness is kept. Ratios above 1: Zygo is faster.', peerSection(result)),
    part('In-repo rivals', 'Fused kernels against the same maths from separate launches, checked against one reference and sampled in turns. Bars are median times.', rivals(result)),
    pytorch ? part('PyTorch eager', pytorchText(pytorch), pytorchRows(result, pytorch)) : '',
    part('Variant ladders', 'Every variant of a kernel that takes the shape on this device, from the simplest up, sampled in turns. Bars are median times.', ladders(result)),
    part('Stored choices', 'What zygo tune chose for this adapter, in turns with the rules, where the two differ.', tunedRows(result)),
    part('Growth', 'How time grows with size: measured points and the fitted power law.', growth(result)),
    part('Training steps', 'Whole steps: augmentation, both networks, losses, backward pass, optimiser and running average.', steps(result)),
    part('All rows', 'Medians. Errors are the largest of an output, relative to the largest magnitude in it; of several outputs, of the one that uses most of its tolerance. A wrong row has no time. First run and Compile were taken once: < stands before the shortest time that the timer tells. n: samples, and in brackets those that were dropped, beside a canary out of its band or too short for the timer.', allRows(result)),
    part('Left out', 'What this device could not run in time, and what was scaled down.', skipped(result)),
  ];
  return (
    '<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">' +
    `<title>Zygo benchmark – ${escape(adapterLine(result))}</title><style>${STYLE}${BENCH_STYLE}</style></head><body><main>` +
    sections.join('\n') +
    '<footer>Written by Zygo. This file holds everything it shows; nothing is loaded from elsewhere. Raw samples are in the JSON file of the same run.</footer>' +
    '</main></body></html>\n'
  );
}
