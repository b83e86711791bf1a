/** The same shapes in PyTorch, from a run of bench/pytorch on the same machine. */
import { escape } from '../../src/report/markup.js';
import { timeOf } from '../figures.js';
import { formatSeconds, threeDigits } from '../format.js';
import type { BenchResult } from '../harness/schema.js';
import { fasterText, pairedRows } from '../pairs.js';
import { errorText, rowName } from '../table.js';
import { table } from './parts.js';

/** What a reader must know about the other run: version, device, and whether it is a CPU. */
export function pytorchText({ environment: { runtime, adapter } }: BenchResult): string {
  const where = adapter.software ? `${adapter.description}, the CPU: this says nothing about a GPU` : adapter.description;
  return `${runtime} on ${where}. Not sampled in turns with Zygo, but right after it, each with its own timer. Zygo’s row is what its rules choose, as a user gets it; where another variant was faster, it is named, and counts for nothing.`;
}

/** Pairs of rows, those that Zygo loses first. */
export function pytorchRows(result: BenchResult, pytorch: BenchResult): string {
  const pairs = pairedRows(result, pytorch).map(({ own, other }) => ({ own, other, ratio: (timeOf(other)?.median ?? 0) / (timeOf(own.row)?.median ?? 1) }));
  if (pairs.length === 0) return '';
  pairs.sort((a, b) => a.ratio - b.ratio);
  const behind = pairs.filter(({ ratio }) => ratio < 1).length;
  const cells = pairs.map(({ own, other, ratio }) => [
    `${own.row.model}: ${rowName(own.row)}`,
    formatSeconds(timeOf(own.row)?.median ?? 0),
    formatSeconds(timeOf(other)?.median ?? 0),
    `${threeDigits(ratio)}x`,
    ratio < 1 ? 'PyTorch' : 'Zygo',
    fasterText(own) || '–',
    errorText(other),
    other.note,
  ]);
  const count = `<p class="${behind > 0 ? 'bad' : 'good'}">${escape(`PyTorch is faster in ${behind} of ${pairs.length} rows.`)}</p>`;
  return count + table(['Row', 'Zygo', 'PyTorch', 'PyTorch over Zygo', 'Faster', 'Other variants of Zygo', 'PyTorch’s error', 'Note'], cells, 'left');
}
