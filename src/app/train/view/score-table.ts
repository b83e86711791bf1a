/** The F1 of the model on held-out people, beside its baselines. */
import { AU_NAMES } from '../../../data/action-units.js';
import { h } from '../../shared/dom.js';
import { formatCount, formatPercent } from '../../shared/format.js';
import type { Scores } from '../protocol.js';

type Line = 'model' | 'randomInit' | 'alwaysPositive';

const LINES: readonly Line[] = ['model', 'randomInit', 'alwaysPositive'];

/** A cell; the one that is better than both others stands out. */
function cell(row: Readonly<Record<Line, number>>, line: Line): HTMLTableCellElement {
  const best = LINES.every((other) => other === line || row[line] > row[other]);
  return h('td', { class: best ? 'best' : undefined }, formatPercent(row[line]));
}

/** The model as a bar, the better of the two baselines as a mark on it. */
function bar(row: Readonly<Record<Line, number>>): HTMLTableCellElement {
  const fill = h('b');
  fill.style.width = `${100 * row.model}%`;
  const mark = h('u');
  mark.style.left = `${100 * Math.max(row.randomInit, row.alwaysPositive)}%`;
  return h('td', { class: 'bar', 'aria-hidden': 'true' }, h('i', {}, fill, mark));
}

/** Shows the scores; replaces what the panel showed before. */
export function showScores(panel: HTMLElement, { rows, macro, macroTenPercent, steps, testFaces, testPeople }: Scores): void {
  const cells = (row: Readonly<Record<Line, number>>) => [...LINES.map((line) => cell(row, line)), bar(row)];
  const column = (text: string, attributes = {}) => h('th', { scope: 'col', ...attributes }, text);
  panel.replaceChildren(
    h('h2', { id: 'scores-title' }, 'What it learned'),
    h(
      'p',
      { class: 'hint' },
      `F1 (%) of a linear probe on the features after ${formatCount(steps)} steps, on ${formatCount(testFaces)} faces of ${formatCount(testPeople)} people whom the training never saw. ` +
        'The mark on each bar is the better baseline.',
    ),
    h(
      'div',
      { class: 'table', tabindex: 0, role: 'region', 'aria-labelledby': 'scores-title' },
      h(
        'table',
        {},
        h(
          'thead',
          {},
          h('tr', {}, column('Action unit'), column('Present', { class: 'optional' }), column('Model'), column('Random init'), column('Always positive'), h('td', { class: 'bar', 'aria-hidden': 'true' })),
        ),
        h(
          'tbody',
          {},
          ...rows.map((row) =>
            h(
              'tr',
              {},
              h('th', { scope: 'row' }, h('b', {}, `AU ${row.actionUnit}`), ' ', AU_NAMES[row.actionUnit]),
              h('td', { class: 'optional' }, formatPercent(row.prevalence)),
              ...cells(row),
            ),
          ),
        ),
        h(
          'tfoot',
          {},
          h('tr', {}, h('th', { scope: 'row' }, 'Mean'), h('td', { class: 'optional' }), ...cells(macro)),
          h(
            'tr',
            { class: 'few' },
            h('th', { scope: 'row' }, 'Mean with 10 % of the labels'),
            h('td', { class: 'optional' }),
            h('td', {}, formatPercent(macroTenPercent.model)),
            h('td', {}, formatPercent(macroTenPercent.randomInit)),
            h('td', {}, '–'),
            h('td', { class: 'bar', 'aria-hidden': 'true' }),
          ),
        ),
      ),
    ),
  );
  panel.hidden = false;
}
