/** The table of `zygo tune`. */
import { gainOf } from '../../tuning/decide.js';
import type { CandidateTime, TuningRecord } from '../../tuning/record.js';

const HEAD = ['family', 'problem', 'candidate', 'median', 'middle half', 'samples', 'verdict'] as const;

/** "12.3 µs", three digits. */
export function duration(nanoseconds: number): string {
  const [value, unit] = nanoseconds >= 1e9 ? [nanoseconds / 1e9, 's'] : nanoseconds >= 1e6 ? [nanoseconds / 1e6, 'ms'] : [nanoseconds / 1e3, 'µs'];
  return `${value.toPrecision(3).includes('e') ? value.toFixed(0) : value.toPrecision(3)} ${unit}`;
}

function verdictOf({ variant, note }: CandidateTime, { rule, winner, candidates }: TuningRecord): string {
  const words: string[] = [];
  if (variant === winner) {
    const gain = gainOf(candidates, rule, winner);
    words.push(winner === rule ? 'used: the rule' : `used: ${gain === null ? 'the rule has no time' : `${gain.toFixed(2)}x the rule`}`);
  } else if (variant === rule) words.push('the rule');
  if (note !== '') words.push(note);
  return words.join('; ');
}

function rowsOf(record: TuningRecord): string[][] {
  return record.candidates.map((candidate, index) => {
    const { variant, nanoseconds, spread, n } = candidate;
    return [
      index === 0 ? record.family : '',
      index === 0 ? record.problem : '',
      variant,
      nanoseconds === null ? '-' : duration(nanoseconds),
      spread === null || n < 2 ? '-' : `${duration(spread[0])} to ${duration(spread[1])}`,
      nanoseconds === null ? '-' : String(n),
      verdictOf(candidate, record),
    ];
  });
}

/** A row per candidate, under a head, in columns. */
export function tableLines(records: readonly TuningRecord[]): string[] {
  const rows = [[...HEAD], ...records.flatMap(rowsOf)];
  const widths = HEAD.map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  return rows.map((row) => row.map((cell, column) => cell.padEnd(widths[column])).join('  ').trimEnd());
}

/** From here on the spread says more about the machine than about kernels. */
const BUSY = 0.25;

/** The median over all winners of (third - first quartile) / median; null without times. */
function typicalSpread(records: readonly TuningRecord[]): number | null {
  const spreads = records
    .flatMap(({ candidates, winner }) => candidates.filter(({ variant }) => variant === winner))
    .flatMap(({ nanoseconds, spread }) => (nanoseconds === null || spread === null || nanoseconds === 0 ? [] : [(spread[1] - spread[0]) / nanoseconds]))
    .sort((a, b) => a - b);
  return spreads.length === 0 ? null : spreads[Math.floor(spreads.length / 2)];
}

/** "3 problems: 2 measured now, 1 known; the rule was beaten in 1. Stored in FILE." */
export function summaryLine(records: readonly TuningRecord[], measured: number, failed: number, place: string): string {
  const beaten = records.filter(({ rule, winner }) => rule !== winner).length;
  const parts = [`${measured} measured now`, `${records.length - measured} known`, ...(failed > 0 ? [`${failed} could not be measured`] : [])];
  const spread = typicalSpread(records);
  const noise = spread === null ? '' : ` Typical spread: ${(100 * spread).toFixed(0)} % of the median${spread > BUSY ? ' (the machine was busy: --retune when it is idle)' : ''}.`;
  return `${records.length + failed} ${records.length + failed === 1 ? 'problem' : 'problems'}: ${parts.join(', ')}; the rule was beaten in ${beaten}.${noise} ${place}`;
}
