/** Whole training steps: where their time goes, launch by launch. */
import { median } from '../../src/timing/statistics.js';
import { escape } from '../../src/report/markup.js';
import { timeOf } from '../figures.js';
import { formatSeconds, formatShare } from '../format.js';
import type { BenchResult, TrainingFigures } from '../harness/schema.js';
import { barList } from './bars.js';
import { card } from './parts.js';

/** Shaders that are shown one by one. */
const SHOWN = 16;

const mebibytes = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(1)} MiB`;

function breakdown({ breakdown: parts, preset }: TrainingFigures): string {
  if (!parts || parts.length === 0) return '<p>This device has no timestamps, so there is no breakdown.</p>';
  const whole = parts.reduce((sum, { seconds }) => sum + seconds, 0);
  const rest = parts.slice(SHOWN);
  const last = rest.length === 0 ? [] : [{ shader: `${rest.length} more`, seconds: rest.reduce((sum, { seconds }) => sum + seconds, 0), launches: rest.reduce((sum, { launches }) => sum + launches, 0) }];
  const bars = [...parts.slice(0, SHOWN), ...last].map(({ shader, seconds, launches }) => ({
    name: shader,
    value: seconds,
    text: formatShare(seconds / whole),
    more: `${formatSeconds(seconds)}, ${launches} ${launches === 1 ? 'launch' : 'launches'}`,
    color: 'var(--series-1)',
  }));
  return barList(bars, `Breakdown of a training step of ${preset}`);
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
        `${formatSeconds(median(step.encodePerDispatch))} of CPU to encode one${step.encodeAgainPerDispatch ? ` (${formatSeconds(median(step.encodeAgainPerDispatch))} at once again, in warm caches)` : ''}, peak memory ${mebibytes(step.peakBytes)} beside a lower bound of ${mebibytes(step.lowerBoundBytes)}. ` +
        'Bars: from the end of the launch before to its own end, medians, so that they add up to the whole.';
      return card(`Training step of ${step.preset}${tuned}`, breakdown(step), escape(caption));
    })
    .join('');
}
