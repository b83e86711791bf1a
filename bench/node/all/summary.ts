/** README.md of a results folder: a table of measured rows, with device and date, and how each part ended. */
import { adapterLine, FMA_SHARE_TEXT, ratesOf, softwareMark, timeOf } from '../../figures.js';
import { formatRate, formatSeconds, formatShare, intervalText, threeDigits } from '../../format.js';
import type { BenchResult, Row } from '../../harness/schema.js';
import { fasterText, ownRows, pairedRows, type OwnRow } from '../../pairs.js';
import { encodeText, errorText } from '../../table.js';
import type { AllState } from './state.js';

/** Speed of the short training. */
export interface TrainingSpeed {
  readonly stepsPerSecond: number;
  readonly steps: number;
  readonly batch: number;
}

/** What the file is written from. */
export interface SummaryInput {
  readonly state: AllState;
  /** Titles of the parts by name, in order. */
  readonly titles: ReadonlyMap<string, string>;
  /** Null when nothing was measured yet. */
  readonly result: BenchResult | null;
  readonly pytorch: BenchResult | null;
  /** The same in Chrome. */
  readonly chrome: BenchResult | null;
  /** Products of f16 with experimental subgroup matrices. */
  readonly matrices: BenchResult | null;
  readonly speed: TrainingSpeed | null;
  /** Files beside it, with what is in them. */
  readonly files: readonly (readonly [name: string, what: string])[];
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const line = (cells: readonly string[]): string => `| ${cells.map((cell) => cell.replaceAll('|', '/').replaceAll('\n', ' ')).join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)];
}

/** The row that stands for an op and a pass: the one with most work. */
function largest(rows: readonly Row[]): Row[] {
  const found = new Map<string, Row>();
  for (const row of rows) {
    const key = `${row.op} ${row.pass}`;
    const before = found.get(key);
    if (!before || row.flops + row.bytes > before.flops + before.bytes) found.set(key, row);
  }
  return [...found.values()];
}

/** Matrix products by size, of f32 and of f16: the rung of each ladder that the rules choose. */
function products(rows: readonly Row[]): OwnRow[] {
  return [...ownRows(rows.filter(({ section, op }) => section === 'ladder' && ['matmul', 'matmul f16'].includes(op))).values()];
}

/** A median with its interquartile range and the number of samples: "4.00 ms (1.2 %, 15)". */
function timeText({ median, q1, q3, n }: NonNullable<ReturnType<typeof timeOf>>): string {
  return `${formatSeconds(median)} (${formatShare((q3 - q1) / median)}, ${n})`;
}

/** The head above such cells. */
const TIME_HEAD = 'Time (IQR, n)';

function kernelTable(result: BenchResult, pytorch: BenchResult | null, title = 'Kernels'): string[] {
  const timed = result.rows.filter((row) => timeOf(row) && row.implementation === 'zygo');
  const kernels = largest(timed.filter(({ section, variant }) => section === 'kernels' && !variant.endsWith('tuned')));
  const rows: OwnRow[] = [...products(timed), ...kernels.map((row) => ({ row, byRules: true, faster: null }))];
  if (rows.length === 0) return [];
  const others = new Map((pytorch ? pairedRows(result, pytorch) : []).map(({ own: { row }, other }) => [`${row.op} ${row.shape} ${row.pass}`, other]));
  const cells = rows.flatMap((own) => {
    const { row } = own;
    const time = timeOf(row);
    if (!time) return [];
    const { flopsPerSecond, ofFma, bytesPerSecond, ofCopy } = ratesOf(row, result.peaks);
    const other = others.get(`${row.op} ${row.shape} ${row.pass}`);
    const theirs = other ? (timeOf(other)?.median ?? 0) : null;
    return [[
      `${row.op} ${row.shape}, ${row.pass}`,
      [row.variant, fasterText(own)].filter((words) => words !== '').join('; '),
      timeText(time),
      errorText(row),
      flopsPerSecond === null ? '–' : `${formatRate(flopsPerSecond, 'FLOP/s')}${ofFma === null ? '' : ` (${formatShare(ofFma)})`}`,
      bytesPerSecond === null ? '–' : `${formatRate(bytesPerSecond, 'B/s')}${ofCopy === null ? '' : ` (${formatShare(ofCopy)})`}`,
      ...(pytorch ? [theirs === null ? '–' : `${formatSeconds(theirs)} (${threeDigits(theirs / time.median)}x)`] : []),
    ]];
  });
  const head = ['Kernel', 'Variant', TIME_HEAD, 'Error', 'Arithmetic (of the f32 multiply-add peak)', 'Memory (of the copy peak)', ...(pytorch ? ['PyTorch eager (its time over ours)'] : [])];
  return ['', `## ${title}${softwareMark(result)}`, '', 'Matrix products by size, each in the variant that the rules choose, then of every kernel the row with most work. Errors are the largest of an output, relative to the largest magnitude in it; of several outputs, of the one that uses most of its tolerance. ' + FMA_SHARE_TEXT, '', ...table(head, cells)];
}

function ratioTable(result: BenchResult): string[] {
  const byId = new Map(result.rows.map((row) => [row.id, row]));
  const cells = result.comparisons.flatMap(({ above, below, group, ...comparison }) => {
    const [a, b] = [byId.get(above), byId.get(below)];
    if (!a || !b || a.section === 'ladder') return [];
    const nameOf = ({ implementation, variant }: Row): string => (implementation === 'zygo' ? `zygo ${variant}` : implementation);
    return [[group, `${nameOf(a)} over ${nameOf(b)}`, `${threeDigits(comparison.ratio)}x (${intervalText(comparison)})`]];
  });
  return cells.length === 0 ? [] : ['', `## Ratios of times${softwareMark(result)}`, '', 'Sampled in turns; 95 % intervals. Above 1 the second of the two is faster.', '', ...table(['In', 'What', 'Ratio'], cells)];
}

const mebibytes = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(0)} MiB`;

function stepTable(result: BenchResult, pytorch: BenchResult | null): string[] {
  const theirs = new Map((pytorch?.rows ?? []).map((row) => [`${row.op} ${row.shape} ${row.model}`, row]));
  const cells = result.training.flatMap((step) => {
    const row = result.rows.find(({ id }) => id === step.row);
    const time = row && timeOf(row);
    if (!row || !time) return [];
    const other = theirs.get(`${row.op} ${row.shape} ${row.model}`);
    const their = other && timeOf(other);
    return [
      [
        `${step.preset}, ${step.batch} faces of ${step.imageSize} x ${step.imageSize}${step.options && `, ${step.options}`}`,
        row.variant.replace(`${step.preset}, `, ''),
        timeText(time),
        errorText(row),
        String(step.dispatches),
        encodeText(step.encodePerDispatch),
        mebibytes(step.peakBytes),
        mebibytes(step.lowerBoundBytes),
        ...(pytorch ? [their ? `${formatSeconds(their.median)} (${other.note || other.implementation})` : '–'] : []),
      ],
    ];
  });
  const head = ['Step', 'Choices', TIME_HEAD, 'Error', 'Dispatches', 'CPU to encode one', 'Peak memory', 'Its lower bound', ...(pytorch ? ['PyTorch eager'] : [])];
  return cells.length === 0 ? [] : ['', `## Training steps${softwareMark(result)}`, '', ...table(head, cells)];
}

/** What was timed in Chrome, beside the same row in Node. */
function chromeTable(chrome: BenchResult, result: BenchResult | null): string[] {
  const inNode = new Map((result?.rows ?? []).map((row) => [row.id, row]));
  const cells = chrome.rows.flatMap((row) => {
    const time = timeOf(row);
    if (!time) return [];
    const other = inNode.get(row.id);
    const before = other && timeOf(other)?.median;
    return [[`${row.op} ${row.shape}, ${row.pass}`, row.implementation === 'zygo' ? row.variant : row.implementation, timeText(time), errorText(row), before === undefined ? '–' : `${formatSeconds(before)} (${threeDigits(before / time.median)}x)`]];
  });
  if (cells.length === 0) return [];
  const where = `${chrome.environment.runtime}, on ${adapterLine(chrome)}; not sampled in turns with Node.`;
  return ['', `## In Chrome${softwareMark(chrome)}`, '', where, '', ...table(['Kernel', 'Variant or library', TIME_HEAD, 'Error', 'In Node (its time over the one in Chrome)'], cells)];
}

/** The whole file. */
export function summaryText({ state, titles, result, pytorch, chrome, matrices, speed, files }: SummaryInput): string {
  const name = result ? adapterLine(result) : state.adapter;
  const e = result?.environment;
  const software = e?.adapter.software ?? false;
  const facts = e
    ? [
        `- device: ${name}${e.adapter.description && e.adapter.device ? ` (${[e.adapter.vendor, e.adapter.architecture, e.adapter.device].filter((part) => part !== '').join(', ')})` : ''}`,
        `- driver and runtime: ${e.adapter.description || 'driver not told'}; ${e.runtime}${e.dawn ? `, Dawn (npm webgpu) ${e.dawn}` : ''}; ${e.system}`,
        `- date: ${e.date.slice(0, 10)}; commit ${e.commit ?? 'not known'}; flags ${e.flags.join(' ') || 'none'}`,
        `- peaks measured in the same run: ${result.peaks.fma ? formatRate(result.peaks.fma.value, 'FLOP/s') : 'multiply-add not measured'} of f32 multiply-adds, ${result.peaks.copy ? formatRate(result.peaks.copy.value, 'B/s') : 'copy not measured'} of a copy`,
      ]
    : [`- adapter: ${name}`, `- commit ${state.commit ?? 'not known'}`];
  const torch = pytorch ? [`- beside it: ${pytorch.environment.runtime} on ${pytorch.environment.adapter.description}${pytorch.environment.adapter.software ? ' (CPU: says nothing about a GPU)' : ''}`] : [];
  const trained = speed ? ['', `A short training of tiny ran ${threeDigits(speed.stepsPerSecond)} steps/s (median of ${speed.steps} steps of ${speed.batch} faces).`] : [];
  const parts = [...titles].map(([part, title]) => {
    const outcome = state.parts[part];
    return [part, title, outcome?.status ?? 'not run yet', outcome ? `${outcome.seconds.toFixed(0)} s` : '–', outcome?.note ?? ''];
  });
  return `${[
    `# ${name}`,
    '',
    ...(software ? ['**Measured on a software adapter, which runs on the CPU: no figure here says anything about a GPU.**', ''] : []),
    'Written by `npm run bench -- all`; [docs/benchmark.md](../../../docs/benchmark.md) says how to read it.',
    '',
    ...facts,
    ...torch,
    ...(result ? [...kernelTable(result, pytorch), ...ratioTable(result), ...stepTable(result, pytorch)] : []),
    ...(matrices ? kernelTable(matrices, pytorch, 'With experimental subgroup matrices') : []),
    ...(chrome ? chromeTable(chrome, result) : []),
    ...trained,
    '',
    '## Parts of the run',
    '',
    ...table(['Part', 'What', 'Outcome', 'Time', 'Said last'], parts),
    '',
    '## Files',
    '',
    ...files.map(([file, what]) => `- [${file}](${file}): ${what}`),
  ].join('\n')}\n`;
}
