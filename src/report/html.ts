/** The training report: one HTML file that needs no network, no script and no other file. */
import { escape } from './markup.js';
import { auSection, contactSection, planSection } from './section-pictures.js';
import { headerSection, resultSection } from './section-result.js';
import { trainingSection } from './section-training.js';
import { STYLE } from './style.js';
import type { ReportInput } from './types.js';

/**
 * The whole page as text. The same input gives the same text. Parts of the input that are left out, or lists that
 * are empty, leave their section out; without any record of a training step the page says so.
 */
export function renderReport(input: ReportInput): string {
  const { summary, metrics, contactSheet, auSheet, transportPlans } = input;
  const sections = [
    headerSection(summary),
    resultSection(summary),
    trainingSection(metrics),
    contactSheet && contactSheet.tiles.length > 0 ? contactSection(contactSheet) : '',
    transportPlans && transportPlans.length > 0 ? planSection(transportPlans) : '',
    auSheet && auSheet.tiles.length > 0 ? auSection(auSheet) : '',
  ];
  return (
    '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">' +
    '<meta name="viewport" content="width=device-width, initial-scale=1">' +
    `<title>${escape(summary.title)} – Zygo</title><style>${STYLE}</style></head><body><main>` +
    sections.join('\n') +
    '<footer>Written by Zygo. This file holds everything it shows; nothing is loaded from elsewhere and nothing is sent ' +
    'anywhere. The numbers are those of summary.json and metrics.jsonl in the same run.</footer>' +
    '</main></body></html>\n'
  );
}
