/** Rows that were sampled in turns: fused kernels and their rivals, ladders of variants, stored choices and rules. */
import { escape } from '../../src/report/markup.js';
import { isBelow } from '../../src/timing/statistics.js';
import { timeOf } from '../figures.js';
import { formatSeconds, threeDigits } from '../format.js';
import type { BenchResult, Comparison, Row } from '../harness/schema.js';
import { ratioText } from '../table.js';
import { barList, type Bar } from './bars.js';
import { card, grouped, table } from './parts.js';

const OWN = 'var(--series-1)';
const OTHER = 'var(--series-5)';
const PLAIN = 'var(--bar)';

function barsOf(rows: readonly Row[], barOf: (row: Row) => Omit<Bar, 'value' | 'text'>, description: string): string {
  const timed = rows.flatMap((row) => {
    const time = timeOf(row);
    return time ? [{ ...barOf(row), value: time.median, text: formatSeconds(time.median) }] : [];
  });
  return timed.length === 0 ? '<p>No row of this group has a time.</p>' : barList(timed, description);
}

/** Rows without a time, with the reason. */
function untimedText(rows: readonly Row[], nameOf: (row: Row) => string): string {
  return rows
    .filter((row) => !timeOf(row))
    .map((row) => `<span class="bad">${escape(nameOf(row))}</span>: ${escape(row.note || row.status)}. `)
    .join('');
}

/** Zygo's row of a comparison against something else than Zygo's own variants. */
function isRival({ above, below }: Comparison, rows: ReadonlyMap<string, Row>): boolean {
  return rows.get(below)?.implementation === 'zygo' && rows.get(above)?.implementation !== 'zygo';
}

const byId = ({ rows }: BenchResult): Map<string, Row> => new Map(rows.map((row) => [row.id, row]));

/** Comparisons in which Zygo's row took longer, the whole interval being below 1. */
export function behind(result: BenchResult): Comparison[] {
  const rows = byId(result);
  return result.comparisons.filter((comparison) => isRival(comparison, rows) && isBelow(comparison, 1));
}

/** "zygo is 3.10x as fast (2.9 to 3.2) as tfjs, gpu time": green when Zygo is ahead, orange when it is behind. */
function verdict(comparison: Comparison, rows: ReadonlyMap<string, Row>): string {
  const { low, clock } = comparison;
  const other = rows.get(comparison.above)?.implementation ?? comparison.above;
  const [kind, word] = low > 1 ? ['good', 'ahead'] : isBelow(comparison, 1) ? ['bad', 'behind'] : ['', 'level'];
  return `<span class="${kind}">zygo is ${word}</span>: ${escape(other)} takes ${escape(ratioText(comparison))} as long, ${clock} time. `;
}

/** Rivals, a card for each group. */
export function rivals(result: BenchResult): string {
  const rows = byId(result);
  const cards = grouped(result.rows.filter(({ section }) => section === 'comparison')).map(([name, own]) => {
    const ratios = result.comparisons.filter((comparison) => comparison.group === name && isRival(comparison, rows)).map((comparison) => verdict(comparison, rows));
    const bars = barsOf(own, ({ implementation, variant }) => ({ name: implementation, tags: variant.endsWith('tuned') ? ['tuned'] : [], color: implementation === 'zygo' ? OWN : OTHER }), name);
    return card(result, name, bars, ratios.join('') + untimedText(own, ({ implementation }) => implementation));
  });
  return cards.length === 0 ? '' : `<div class="pairs">${cards.join('')}</div>`;
}

/** Lost comparisons in a table; a sentence when there are none, nothing when nothing was compared. */
export function lost(result: BenchResult): string {
  const rows = byId(result);
  const compared = result.comparisons.filter((comparison) => isRival(comparison, rows));
  if (compared.length === 0) return '';
  const rowsLost = behind(result);
  if (rowsLost.length === 0) return `<p>None of ${compared.length}.</p>`;
  const cells = rowsLost.map((comparison) => [rows.get(comparison.above)?.implementation ?? comparison.above, comparison.group, ratioText(comparison), comparison.clock]);
  return table(['Faster than Zygo', 'In', 'Its time over Zygo’s', 'Clock'], cells, 'left');
}

/** The family that a ladder varies, from "matmul=naive". */
const forcedFamily = ({ variant }: Row): string => variant.split('=')[0];

/** Ladders, a card for each. */
export function ladders(result: BenchResult): string {
  const cards = grouped(result.rows.filter(({ section }) => section === 'ladder')).map(([name, own]) => {
    const times = own.flatMap((row) => timeOf(row)?.median ?? []);
    const fastest = Math.min(...times);
    const bars = barsOf(
      own,
      (row) => {
        const chosen = row.variant.split('=')[1] ?? row.variant;
        const rule = row.choices.find(({ family }) => family === forcedFamily(row))?.rule;
        const time = timeOf(row)?.median ?? 0;
        return {
          name: chosen,
          tags: rule === chosen ? ['the rule'] : [],
          color: time === fastest ? OWN : PLAIN,
          more: time > fastest ? `${threeDigits(time / fastest)}x` : 'fastest',
        };
      },
      name,
    );
    return card(result, name.replace(/^Ladder of /, ''), bars, untimedText(own, ({ variant }) => variant));
  });
  return cards.length === 0 ? '' : `<div class="pairs">${cards.join('')}</div>`;
}

/** Rows that the stored choices change, with what they change. */
export function tunedRows(result: BenchResult): string {
  const rows = byId(result);
  const pairs = result.comparisons.flatMap((comparison) => {
    const [rule, tuned] = [rows.get(comparison.above), rows.get(comparison.below)];
    return rule && tuned && rule.variant.endsWith('rules') && tuned.variant.endsWith('tuned') && rule.op === tuned.op ? [{ comparison, rule, tuned }] : [];
  });
  if (pairs.length === 0) return result.tuned ? '<p>No row differs from the rules’.</p>' : '';
  const changed = ({ choices }: Row): string => {
    const words = choices.filter(({ variant, rule }) => variant !== rule).map(({ family, variant, rule }) => `${family} ${variant} (rule: ${rule})`);
    const some = [...new Set(words)];
    return some.length > 4 ? `${some.slice(0, 4).join(', ')} and ${some.length - 4} more` : some.join(', ');
  };
  const cells = pairs.map(({ comparison, rule, tuned }) => [
    `${rule.op} ${rule.shape}, ${rule.pass}`,
    formatSeconds(timeOf(rule)?.median ?? 0),
    formatSeconds(timeOf(tuned)?.median ?? 0),
    ratioText(comparison),
    changed(tuned),
  ]);
  return table(['Row', 'Rules', 'Tuned', 'Rules over tuned', 'What was chosen'], cells, 'left');
}
