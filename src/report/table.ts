/** The F1 table for terminals: AUs in rows, the model and its baselines in columns, the mean last. */
import { AU_NAMES } from '../data/action-units.js';
import { methodsOf, percent } from './methods.js';
import type { RunSummary } from './types.js';

const NAME_WIDTH = 21;
const NUMBER_WIDTH = 9;

/**
 * A table of at most 79 columns, all values in per cent, with a line per column below that says what it is.
 * Plain text without colours; ends without a line break.
 */
export function renderF1Table(summary: RunSummary): string {
  const methods = methodsOf(summary);
  const line = (au: string, name: string, numbers: readonly string[]) =>
    `${au.padStart(2)}  ${name.padEnd(NAME_WIDTH)}${numbers.map((text) => text.padStart(NUMBER_WIDTH)).join('')}`;
  const header = line('AU', 'Name', ['Present', ...methods.map(({ text }) => text.short)]);
  const rule = '─'.repeat(header.length);
  const rows = summary.actionUnits.map((au, column) =>
    line(String(au), AU_NAMES[au], [
      percent(summary.prevalence[column]),
      ...methods.map(({ scores }) => percent(scores.perAu[column])),
    ]),
  );
  const meanPresent = summary.prevalence.reduce((sum, value) => sum + value, 0) / summary.prevalence.length;
  const extra = (name: string, value: (scores: (typeof methods)[number]['scores']) => number | undefined) => {
    const values = methods.map(({ scores }) => value(scores));
    if (values.every((v) => v === undefined)) return [];
    return [line('', name, ['', ...values.map((v) => (v === undefined ? '' : percent(v)))])];
  };
  const shortWidth = Math.max(...methods.map(({ text }) => text.short.length), 'Present'.length);
  return [
    header,
    rule,
    ...rows,
    rule,
    line('', 'Mean (macro F1)', [percent(meanPresent), ...methods.map(({ scores }) => percent(scores.macro))]),
    ...extra('Mean, threshold 0.5', (scores) => scores.macroAtHalf),
    ...extra('Mean, 10 % of labels', (scores) => scores.macroTenPercent),
    '',
    `${'Present'.padEnd(shortWidth)}  share of the test faces that show the AU, in %; all others are F1 in %`,
    ...methods.map(({ text }) => `${text.short.padEnd(shortWidth)}  ${text.meaning}`),
  ].join('\n');
}
