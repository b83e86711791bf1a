/** Whole training steps: where their time goes, launch by launch. */
import { escape } from '../../src/report/markup.js';
import { shortText, toldBreakdown } from '../breakdown.js';
import { timeOf } from '../figures.js';
import { formatSeconds, formatShare } from '../format.js';
import type { BenchResult, TrainingFigures } from '../harness/schema.js';
import { barList } from './bars.js';
import { encodeText } from '../table.js';
import { card, table } from './parts.js';

/** Shaders that are shown one by one. */
const SHOWN = 16;

const sumOf = <Key extends string>(parts: readonly Readonly<Record<Key, number>>[], key: Key): number => parts.reduce((sum, part) => sum + part[key], 0);

const mebibytes = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(1)} MiB`;

const launchText = (launches: number): string => `${launches} ${launches === 1 ? 'launch' : 'launches'}`;

/** Which kernels a step launches how often: all that is known without timestamps. */
function counts(parts: NonNullable<TrainingFigures['breakdown']>): string {
  return `<details><summary>Launches by kernel</summary>${table(['Kernel', 'Launches'], parts.map(({ shader, launches }) => [shader, String(launches)]))}</details>`;
}

/** Bars of what the timestamps tell; the rest by name, with the share that it has at most. */
function breakdown(step: TrainingFigures, timer: BenchResult['timer']): string {
  const told = toldBreakdown(step, timer);
  if (!told) return `<p>This device has no timestamps, so times by kernel are not known.</p>${counts(step.breakdown ?? [])}`;
  const rest = told.told.slice(SHOWN);
  const last = rest.length === 0 ? [] : [{ shader: `${rest.length} more`, seconds: sumOf(rest, 'seconds'), launches: sumOf(rest, 'launches'), share: sumOf(rest, 'share') }];
  const bars = [...told.told.slice(0, SHOWN), ...last].map(({ shader, seconds, launches, share }) => ({
    name: shader,
    value: seconds,
    text: formatShare(share),
    more: `${formatSeconds(seconds)}, ${launchText(launches)}`,
    color: 'var(--series-1)',
  }));
  const { short } = told;
  const names = short?.shaders.map(({ shader, launches }) => [shader, String(launches)]) ?? [];
  const others = short === null ? '' : `<details><summary>${escape(shortText(short, formatShare(short.atMost)))}</summary>${table(['Kernel', 'Launches'], names)}</details>`;
  return `${bars.length === 0 ? '' : barList(bars, `Breakdown of a training step of ${step.preset}`)}${others}`;
}

/** A card for each step. */
export function steps(result: BenchResult): string {
  return result.training
    .map((step) => {
      const row = result.rows.find(({ id }) => id === step.row);
      const time = row && timeOf(row);
      const tuned = row?.variant.endsWith('tuned') ? ', stored choices' : '';
      const caption =
        `${step.batch} faces of ${step.imageSize} x ${step.imageSize}, ${step.regions} AUs, ${step.parameters.toLocaleString('en')} parameters: ` +
        `${time ? `${formatSeconds(time.median)} a step (${time.clock})` : 'no time'}, ${step.dispatches} dispatches, ` +
        `${encodeText(step.encodePerDispatch)} of CPU to encode one${step.encodeAgainPerDispatch ? ` (${encodeText(step.encodeAgainPerDispatch)} at once again, in warm caches)` : ''}, peak memory ${mebibytes(step.peakBytes)} beside a lower bound of ${mebibytes(step.lowerBoundBytes)}. ` +
        'Bars: from the end of the launch before to its own end, medians, so that they add up to the whole; shown where rounding is at most 1 % of a kernel’s time.';
      return card(result, `Training step of ${step.preset}${step.options && `, ${step.options}`}${tuned}`, breakdown(step, result.timer), escape(caption));
    })
    .join('');
}
