/** The benchmark's report: one HTML file that needs no network, no script and no other file. */
import { escape, figure, legend } from '../../src/report/markup.js';
import { STYLE } from '../../src/report/style.js';
import { adapterLine, ratesOf, timeOf } from '../figures.js';
import { formatRate, formatSeconds, formatShare, threeDigits } from '../format.js';
import type { BenchResult, Row } from '../harness/schema.js';
import { median } from '../../src/timing/statistics.js';
import { errorText, ratioText, rowName } from '../table.js';
import { barChart, COLORS, growthChart, rooflineChart, type RooflineSeries } from './charts.js';

const OWN_STYLE = `
td, th { font-size: 13px; } table.left th, table.left td { text-align: left; white-space: normal; vertical-align: top; }
.bad { color: var(--series-2); font-weight: 600; } pre { overflow-x: auto; font-size: 12px; }
`;

function table(head: readonly string[], rows: readonly (readonly string[])[], kind = ''): string {
  const cells = (tag: 'td' | 'th', row: readonly string[]): string => `<tr>${row.map((cell) => `<${tag}>${escape(cell)}</${tag}>`).join('')}</tr>`;
  return `<div class="scroll"><table class="${kind}"><thead>${cells('th', head)}</thead><tbody>${rows.map((row) => cells('td', row)).join('')}</tbody></table></div>`;
}

/** A word beside every heading when the adapter is software. */
function badge({ environment }: BenchResult): string {
  return environment.adapter.software ? ' <span class="badge">software adapter</span>' : '';
}

function section(result: BenchResult, title: string, text: string, body: string): string {
  return body === '' ? '' : `<section><h2>${escape(title)}${badge(result)}</h2><p>${escape(text)}</p>${body}</section>`;
}

function header(result: BenchResult): string {
  const { environment: e, timer, peaks, canary, suite, filter } = result;
  const facts: [string, string][] = [
    ['Adapter', adapterLine(result)],
    ['System', `${e.system}, ${e.runtime}`],
    ['Dawn', e.dawn ? `npm webgpu ${e.dawn}` : 'the browser’s'],
    ['Commit', e.commit ?? 'not told'],
    ['Date', e.date],
    ['Suite', `${suite}${filter === null ? '' : `, only "${filter}"`}`],
    ['Copy peak', peaks.copy ? formatRate(peaks.copy.value, 'B/s') : 'not measured'],
    ['Multiply-add peak', peaks.fma ? formatRate(peaks.fma.value, 'FLOP/s') : 'not measured'],
    ['Timers', `wall ${formatSeconds(timer.wallQuantum)}, GPU ${timer.gpuQuantum === null ? 'none' : formatSeconds(timer.gpuQuantum)}`],
    ['Canary', `out of band ${canary.outOfBand} times in ${canary.of}; ${canary.discarded} samples discarded`],
    ['Flags', e.flags.join(' ') || 'none'],
    ['Features', e.features.join(', ') || 'none'],
  ];
  const items = facts.map(([name, value]) => `<div><dt>${escape(name)}</dt><dd>${escape(value)}</dd></div>`).join('');
  const warning = e.adapter.software ? '<p class="lead">Measured on a software adapter, which runs on the CPU: no figure here says anything about a GPU.</p>' : '';
  return `<header><p class="eyebrow">Zygo benchmark${badge(result)}</p><h1>${escape(adapterLine(result))}</h1><dl class="facts">${items}</dl>${warning}</header>`;
}

function roofline(result: BenchResult): string {
  const { copy, fma } = result.peaks;
  if (!copy || !fma) return '';
  const ops = new Map<string, Row[]>();
  for (const row of result.rows) {
    if (timeOf(row) && row.flops > 0 && row.bytes > 0) ops.set(row.op, [...(ops.get(row.op) ?? []), row]);
  }
  const series: RooflineSeries[] = [...ops].map(([name, rows], at) => ({
    name,
    color: COLORS[at % COLORS.length],
    points: rows.map((row) => ({ name: rowName(row), intensity: row.flops / row.bytes, rate: ratesOf(row, result.peaks).flopsPerSecond ?? 0 })),
  }));
  if (series.length === 0) return '';
  const legendHtml = legend(series.map(({ name, color }) => ({ mark: 'circle', color, text: name })));
  const caption =
    'Each point is a row. The line is what this device did at best: a copy on the left, multiply-adds in registers on the right. ' +
    'Operations and bytes are what the kernels state as necessary, so a point may lie above the line where caches help.';
  return figure('Operations per second over operations per byte', `<div class="scroll chart">${rooflineChart(series, copy.value, fma.value)}</div>`, caption, legendHtml);
}

/** Groups of rows by the name of the group, in order. */
function grouped(rows: readonly Row[]): [string, Row[]][] {
  const groups = new Map<string, Row[]>();
  for (const row of rows) groups.set(row.group, [...(groups.get(row.group) ?? []), row]);
  return [...groups];
}

function bars(rows: readonly Row[], nameOf: (row: Row) => string, description: string): string {
  const timed = rows.filter((row) => timeOf(row));
  if (timed.length === 0) return '<p>No row of this group has a time.</p>';
  return barChart(
    timed.map((row, at) => ({ name: nameOf(row), value: timeOf(row)?.median ?? 0, text: formatSeconds(timeOf(row)?.median ?? 0), color: COLORS[at % COLORS.length] })),
    description,
  );
}

function withoutTime(rows: readonly Row[], nameOf: (row: Row) => string): string {
  const untimed = rows.filter((row) => !timeOf(row));
  return untimed.map((row) => `${nameOf(row)}: ${row.note || row.status}.`).join(' ');
}

function ladders(result: BenchResult): string {
  return grouped(result.rows.filter(({ section: own }) => own === 'ladder'))
    .map(([name, rows]) => figure(name, bars(rows, ({ variant }) => variant, name), `Median times, sampled in turns. ${withoutTime(rows, ({ variant }) => variant)}`))
    .join('');
}

function rivals(result: BenchResult): string {
  return grouped(result.rows.filter(({ section: own }) => own === 'comparison'))
    .map(([name, rows]) => {
      const ratios = result.comparisons.filter(({ group }) => group === name).map((comparison) => `${ratioText(comparison)} as long, 95 % interval, ${comparison.clock} time.`);
      return figure(name, bars(rows, ({ implementation }) => implementation, name), `${ratios.join(' ')} Sampled in turns. ${withoutTime(rows, ({ implementation }) => implementation)}`);
    })
    .join('');
}

function growth(result: BenchResult): string {
  const figures = result.series.map((fit) => {
    const error = fit.standardError === null ? '' : ` ± ${threeDigits(fit.standardError)}`;
    return figure(fit.name, growthChart(fit.points, fit, fit.variable, fit.name), `time ~ ${fit.variable}^${threeDigits(fit.exponent)}${error} (${fit.clock} time)`);
  });
  return figures.length === 0 ? '' : `<div class="multiples">${figures.join('')}</div>`;
}

function steps(result: BenchResult): string {
  return result.training
    .map((step) => {
      const row = result.rows.find(({ id }) => id === step.row);
      const time = row && timeOf(row);
      const mebibytes = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(1)} MiB`;
      const whole = step.breakdown?.reduce((sum, { seconds }) => sum + seconds, 0) ?? 0;
      const shown = (step.breakdown ?? []).slice(0, 16).map(({ shader, seconds, launches }) => ({
        name: shader,
        value: seconds,
        text: `${formatSeconds(seconds)}, ${formatShare(seconds / whole)}, ${launches} launches`,
        color: COLORS[0],
      }));
      const caption =
        `${step.batch} faces of ${step.imageSize} x ${step.imageSize}, ${step.regions} AUs, ${step.parameters.toLocaleString('en')} parameters: ` +
        `${time ? `${formatSeconds(time.median)} a step (${time.clock})` : 'no time'}, ${step.dispatches} dispatches, ` +
        `${formatSeconds(median(step.encodePerDispatch))} of CPU to encode one, peak memory ${mebibytes(step.peakBytes)} beside a lower bound of ${mebibytes(step.lowerBoundBytes)}. ` +
        'Bars: from the end of the launch before to its own end, medians, so that they add up to the whole.';
      const body = shown.length > 0 ? barChart(shown, `Breakdown of a training step of ${step.preset}`) : '<p>This device has no timestamps, so there is no breakdown.</p>';
      return figure(`Training step of ${step.preset}`, body, caption);
    })
    .join('');
}

function allRows(result: BenchResult): string {
  const head = ['Row', 'Time', 'Clock', 'IQR', 'n', 'Wall', 'Cold', 'First run', 'Compile', 'FLOP/s', 'of FMA', 'B/s', 'of copy', 'Error', 'Tolerance', 'Launches', 'Stopped'];
  const rows = result.rows.map((row) => {
    const time = timeOf(row);
    const rates = ratesOf(row, result.peaks);
    const share = (value: number | null): string => (value === null ? '–' : formatShare(value));
    const known = (value: number | null | undefined): string => (value === null || value === undefined ? '–' : formatSeconds(value));
    return [
      `${row.model}: ${rowName(row)}${row.note ? ` – ${row.note}` : ''}`,
      time ? formatSeconds(time.median) : row.status,
      time?.clock ?? '–',
      time ? formatShare((time.q3 - time.q1) / time.median) : '–',
      time ? `${time.n}${row.hot?.discarded ? ` (${row.hot.discarded} discarded)` : ''}` : '–',
      known(row.summary?.wall.median),
      known(row.summary?.cold?.median),
      known(row.firstRun),
      known(row.compile?.seconds),
      rates.flopsPerSecond === null ? '–' : formatRate(rates.flopsPerSecond, ''),
      share(rates.ofFma),
      rates.bytesPerSecond === null ? '–' : formatRate(rates.bytesPerSecond, ''),
      share(rates.ofCopy),
      errorText(row),
      row.check ? row.check.tolerance.toExponential(0) : '–',
      String(row.dispatches),
      row.hot?.stop ?? '–',
    ];
  });
  return rows.length === 0 ? '' : table(head, rows);
}

/** The whole page as text. The same result gives the same text. */
export function renderBenchReport(result: BenchResult): string {
  const sections = [
    header(result),
    section(result, 'Roofline', 'How near every row comes to what the device can do, as measured in this run.', roofline(result)),
    section(result, 'In-repo rivals', 'Fused kernels against the same maths from separate launches, checked against each other through one reference.', rivals(result)),
    section(result, 'Variant ladders', 'Every variant of a kernel that takes the shape on this device, from the simplest up.', ladders(result)),
    section(result, 'Growth', 'How time grows with size: measured points and the fitted power law.', growth(result)),
    section(result, 'Training steps', 'Whole steps: augmentation, both networks, losses, backward pass, optimiser and running average.', steps(result)),
    section(result, 'All rows', 'Medians. Errors are the largest, relative to the largest magnitude of the output; a wrong row has no time.', allRows(result)),
    section(result, 'Left out', 'What this device could not run in time, and what was scaled down.', result.skipped.length === 0 ? '' : table(['What', 'Why'], result.skipped.map(({ what, why }) => [what, why]), 'left')),
  ];
  return (
    '<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">' +
    `<title>Zygo benchmark – ${escape(adapterLine(result))}</title><style>${STYLE}${OWN_STYLE}</style></head><body><main>` +
    sections.join('\n') +
    '<footer>Written by Zygo. This file holds everything it shows; nothing is loaded from elsewhere. Raw samples are in the JSON file of the same run.</footer>' +
    '</main></body></html>\n'
  );
}
