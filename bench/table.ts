/** The terminal's tables. */
import { shortText, toldBreakdown } from './breakdown.js';
import { adapterLine, droppedOf, ratesOf, shortSamples, softwareMark, timeOf } from './figures.js';
import { formatRate, formatSeconds, formatShare, intervalText, threeDigits } from './format.js';
import type { BenchResult, Comparison, Row, TrainingFigures } from './harness/schema.js';
import { noiseWarnings } from './noise.js';
import { othersText, raceVerdicts, verdictCounts } from './peers/bars.js';
import { median } from '../src/timing/statistics.js';

/** Rows of cells in columns; the first row is the head. */
export function columns(rows: readonly (readonly string[])[]): string[] {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  return rows.map((row) => row.map((cell, column) => cell.padEnd(widths[column])).join('  ').trimEnd());
}

/** What stands above everything: machine, timers, peaks, canary. */
export function headLines(head: Pick<BenchResult, 'environment' | 'timer' | 'peaks' | 'canary'>): string[] {
  const { environment: e, timer, peaks, canary } = head;
  const commit = e.commit ? ` (${e.commit.slice(0, 12)}${e.commit.includes('+') ? ' with changes' : ''})` : '';
  return [
    `Zygo ${e.zygo}${commit}, ${e.date}`,
    `system:   ${e.system}, ${e.runtime}${e.dawn ? `, Dawn (npm webgpu) ${e.dawn}` : ''}; flags ${e.flags.join(' ') || 'none'}`,
    `adapter:  ${adapterLine(head)}`,
    `timers:   clock ${formatSeconds(timer.clock)}, round trip to the device ${formatSeconds(timer.roundTrip)}, ` +
      `timestamps ${timer.gpuQuantum === null ? 'none' : formatSeconds(timer.gpuQuantum)}; a sample is at least ${timer.quantaPerSample} of these`,
    `peaks:    copy ${peaks.copy ? `${formatRate(peaks.copy.value, 'B/s')} (${peaks.copy.how})` : 'not measured'}, ` +
      `f32 multiply-add ${peaks.fma ? `${formatRate(peaks.fma.value, 'FLOP/s')} (${peaks.fma.how})` : 'not measured'}`,
    `canary:   ${formatSeconds(canary.baseline)} within ${formatShare(canary.tolerance)}`,
  ];
}

/** Heads of a table of rows; `IQR` is relative to the median, `n` is followed by the number of dropped samples. */
export const ROW_HEAD = ['time', 'IQR', 'clock', 'wall', 'cold', 'n', 'FLOP/s', 'of f32 FMA', 'B/s', 'of copy', 'error', 'stopped', 'row'] as const;

function shareOf(value: number | null): string {
  return value === null ? '-' : formatShare(value);
}

/** The error of a row: "2e-6", "exact", or "-" when nothing was compared. */
export function errorText({ check }: Row): string {
  if (!check) return '-';
  if (check.error === null) return 'not finite';
  return check.error === 0 ? 'exact' : check.error.toExponential(0);
}

/** Op, shape and what ran, as one text. */
export function rowName({ op, shape, pass, implementation, variant }: Row): string {
  return `${op} ${shape}, ${pass} [${implementation === 'zygo' ? '' : `${implementation}, `}${variant}]`;
}

function rowCells(row: Row, result: Pick<BenchResult, 'peaks'>): string[] {
  const time = timeOf(row);
  const rates = ratesOf(row, result.peaks);
  if (!time || !row.summary) return ['-', '-', '-', '-', '-', '-', '-', '-', '-', '-', errorText(row), row.status, `${rowName(row)}: ${row.note}`];
  const dropped = droppedOf(row);
  return [
    formatSeconds(time.median),
    formatShare((time.q3 - time.q1) / time.median),
    time.clock,
    formatSeconds(row.summary.wall.median),
    row.summary.cold ? formatSeconds(row.summary.cold.median) : '-',
    `${time.n}${dropped > 0 ? `-${dropped}` : ''}`,
    rates.flopsPerSecond === null ? '-' : formatRate(rates.flopsPerSecond, ''),
    shareOf(rates.ofFma),
    rates.bytesPerSecond === null ? '-' : formatRate(rates.bytesPerSecond, ''),
    shareOf(rates.ofCopy),
    errorText(row),
    row.hot?.stop ?? '-',
    rowName(row),
  ];
}

/** Rows under a head. */
export function rowLines(rows: readonly Row[], result: Pick<BenchResult, 'peaks'>): string[] {
  return columns([[...ROW_HEAD], ...rows.map((row) => rowCells(row, result))]);
}

/** "2.31x (2.20 to 2.41)". */
export function ratioText(comparison: Comparison): string {
  return `${threeDigits(comparison.ratio)}x (${intervalText(comparison)})`;
}

/** What a ratio compares, in words: how many times as long the first takes. */
export function comparisonLines(comparisons: readonly Comparison[], rows: readonly Row[]): string[] {
  const nameOf = (id: string): string => {
    const row = rows.find((other) => other.id === id);
    return row ? `${row.implementation} [${row.variant}]` : id;
  };
  return comparisons.map((comparison) => `${ratioText(comparison)}  ${comparison.group}: ${nameOf(comparison.above)} over ${nameOf(comparison.below)}, ${comparison.clock} time`);
}

/** Median seconds, or that the clock cannot tell them. */
export function encodeText(samples: readonly number[]): string {
  return samples.length === 0 ? 'less than the clock tells' : formatSeconds(median(samples));
}

/** Shaders of a breakdown that the terminal shows. */
const SHADERS_SHOWN = 12;

/** Where a step's time goes, or, without timestamps, which kernels it launches how often. */
function breakdownLines(step: TrainingFigures, timer: BenchResult['timer']): string[] {
  const told = toldBreakdown(step, timer);
  if (told) {
    return [
      ...told.told.slice(0, SHADERS_SHOWN).map(({ shader, launches, seconds, share }) => `  ${formatShare(share).padStart(7)}  ${formatSeconds(seconds).padStart(8)}  ${String(launches).padStart(4)} x ${shader}`),
      ...(told.short ? [`  ${shortText(told.short, formatShare(told.short.atMost))}`] : []),
    ];
  }
  const counts = (step.breakdown ?? []).slice(0, SHADERS_SHOWN).map(({ shader, launches }) => `  ${String(launches).padStart(4)} x ${shader}`);
  return ['  no timestamps, so no times by kernel', ...counts];
}

/** One step in a few lines: dispatches, CPU, memory, and where the device's time goes. */
export function trainingLines(step: TrainingFigures, timer: BenchResult['timer']): string[] {
  const { row, dispatches, encodePerDispatch, encodeAgainPerDispatch, submitPerDispatch, peakBytes, lowerBoundBytes } = step;
  const mebibytes = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(1)} MiB`;
  return [
    `${row}: ${dispatches} dispatches, CPU ${encodeText(encodePerDispatch)} to encode one${encodeAgainPerDispatch ? ` (${encodeText(encodeAgainPerDispatch)} at once again)` : ''}${submitPerDispatch ? ` and ${encodeText(submitPerDispatch)} to submit it` : ''}, peak ${mebibytes(peakBytes)} (lower bound ${mebibytes(lowerBoundBytes)})`,
    ...breakdownLines(step, timer),
  ];
}

/** The races beside other libraries: the fastest contestant over Zygo, the bar, and everyone who took part. */
export function peerLines(result: BenchResult): string[] {
  const races = raceVerdicts(result);
  const cells = races.map((given) => {
    const { race, comparison, bar, verdict } = given;
    return [
      comparison ? `${threeDigits(comparison.ratio)}x` : '-',
      comparison ? intervalText(comparison) : '-',
      bar === null ? '-' : `${bar}x`,
      verdict,
      race.replace('Peers: ', ''),
      othersText(given),
    ];
  });
  return [
    ...result.peers.map(({ name, version, note }) => (version === null ? `${name}: ${note}` : `${name} ${version}: ${note}`)),
    ...(cells.length > 0 ? [...columns([['best / Zygo', '95 % interval', 'bar', 'verdict', 'race', 'all others / Zygo'], ...cells]), `Bars: ${verdictCounts(races)}.`] : []),
  ];
}

/** Where the canary's band was found anew, in words. */
export function bandText({ group, baseline, tolerance, newDevice }: BenchResult['canary']['renewed'][number]): string {
  if (newDevice) return `${group}: from here on another device, opened because the one before was lost; the canary's band on it: ${formatSeconds(baseline)} within ${formatShare(tolerance)}.`;
  return `${group}: the canary cost it its figure, so its band was found anew: ${formatSeconds(baseline)} within ${formatShare(tolerance)}; from here on the device's speed is another.`;
}

/** All that follows the rows. */
export function endLines(result: BenchResult): string[] {
  const { comparisons, series, training, skipped, canary, rows } = result;
  const error = (value: number | null): string => (value === null ? '' : ` ± ${threeDigits(value)}`);
  const untimed = rows.filter(({ status }) => status !== 'timed');
  const mark = softwareMark(result);
  return [
    ...(comparisons.length > 0 ? ['', `Ratios of times (95 % interval)${mark}:`, ...comparisonLines(comparisons, rows)] : []),
    ...(result.peers.length > 0 ? ['', `Beside other libraries (wall time of the fastest over that of Zygo)${mark}:`, ...peerLines(result)] : []),
    ...(series.length > 0 ? ['', `Growth${mark}:`, ...series.map((fit) => `time ~ ${fit.variable}^${threeDigits(fit.exponent)}${error(fit.standardError)}  ${fit.name}`)] : []),
    ...(training.length > 0 ? ['', `Training steps${mark}:`, ...training.flatMap((step) => trainingLines(step, result.timer))] : []),
    ...(skipped.length > 0 ? ['', 'Left out:', ...skipped.map(({ what, why }) => `${what}: ${why}`)] : []),
    ...(canary.renewed.length > 0 ? ['', 'The canary:', ...canary.renewed.map(bandText)] : []),
    ...noiseWarnings(result).map((warning) => `Warning: ${warning}.`),
    '',
    `${rows.length - untimed.length} rows timed, ${untimed.length} without a time; the canary was out of band ${canary.outOfBand} times in ${canary.of}, ` +
      `and ${canary.discarded} samples beside it were discarded; ${shortSamples(result)} samples were too short for the timer and taken again; ${result.seconds.toFixed(0)} s on ${adapterLine(result)}.`,
  ];
}
