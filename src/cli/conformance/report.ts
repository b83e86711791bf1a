/** What the command says about cases: a line each, and the whole as JSON. */
import type { AdapterDescription } from '../../engine/index.js';
import type { CaseResult, Comparison, ConformanceCase } from '../../conformance/index.js';

/** What came of one file. */
export interface CaseReport {
  readonly file: string;
  readonly verdict: 'passed' | 'failed' | 'unreadable';
  /** null when the file could not be read. */
  readonly source: ConformanceCase | null;
  readonly result: CaseResult | null;
  /** Why it did not pass, one sentence part each. */
  readonly problems: readonly string[];
  readonly milliseconds: number;
}

/** Shapes or errors that stand in a line one by one; of more, the line names the number and the worst. */
const LISTED = 8;

const shapeInWords = (name: string, shape: readonly number[]): string => `${name} [${shape.join(', ')}]`;

function shapesOf(tensors: ConformanceCase['inputs']): string {
  const entries = [...tensors];
  const parameters = entries.filter(([name]) => name.startsWith('param.'));
  const listed = parameters.length > LISTED ? entries.filter(([name]) => !name.startsWith('param.')) : entries;
  const words = listed.map(([name, { shape }]) => shapeInWords(name, shape));
  return [...words, ...(listed.length < entries.length ? [`${parameters.length} parameters`] : [])].join(', ');
}

const number = (value: number): string => (value === 0 ? '0' : Number.isFinite(value) ? value.toExponential(1) : String(value));

function errorOf({ kind, name, absoluteError, relativeError }: Comparison): string {
  return `${kind === 'gradient' ? `grad.${name}` : name} ${number(absoluteError)} (${number(relativeError)})`;
}

function errorsOf(comparisons: readonly Comparison[], all: boolean): string {
  const gradients = comparisons.filter(({ kind }) => kind === 'gradient');
  if (all || gradients.length <= LISTED) return comparisons.map(errorOf).join(', ');
  const worst = gradients.reduce((left, right) => (right.relativeError / right.tolerance > left.relativeError / left.tolerance ? right : left));
  const outputs = comparisons.filter(({ kind }) => kind === 'output').map(errorOf);
  return [...outputs, `${gradients.length} gradients, the worst ${errorOf(worst)}`].join(', ');
}

/**
 * One case as a line: verdict, op, shapes, largest absolute (and relative) error of each output and gradient, file.
 * @param all every gradient, however many there are
 */
export function caseLine({ file, verdict, source, result, problems }: CaseReport, all = false): string {
  const parts = [verdict.padEnd(6)];
  if (source) parts.push(source.op, `${shapesOf(source.inputs)} -> ${shapesOf(source.outputs) || 'gradients'}`);
  if (result && result.comparisons.length > 0) parts.push(`error ${errorsOf(result.comparisons, all)}`);
  parts.push(file);
  if (verdict === 'failed') parts.push(problems.join('; '));
  return parts.join('  ');
}

/** "3 passed, 1 failed", and before it what could not be read. */
export function totalLine(reports: readonly CaseReport[]): string {
  const count = (verdict: CaseReport['verdict']) => reports.filter((report) => report.verdict === verdict).length;
  const unreadable = count('unreadable');
  return `${unreadable > 0 ? `${unreadable} unreadable, ` : ''}${count('passed')} passed, ${count('failed')} failed`;
}

/** JSON has no infinities: they and NaN become texts. */
const jsonNumber = (value: number): number | string => (Number.isFinite(value) ? value : String(value));

function comparisonJson({ name, shape, absoluteError, relativeError, scale, tolerance, passed, worst }: Comparison): object {
  return {
    name,
    shape,
    absoluteError: jsonNumber(absoluteError),
    relativeError: jsonNumber(relativeError),
    scale,
    tolerance,
    passed,
    worst: worst && { index: worst.index, expected: jsonNumber(worst.expected), actual: jsonNumber(worst.actual) },
  };
}

const shapesJson = (tensors: ConformanceCase['inputs']): object => Object.fromEntries([...tensors].map(([name, { shape }]) => [name, shape]));

function caseJson({ file, verdict, source, result, problems, milliseconds }: CaseReport): object {
  const of = (kind: Comparison['kind']) => (result?.comparisons ?? []).filter((comparison) => comparison.kind === kind).map(comparisonJson);
  return {
    file,
    verdict,
    op: source?.op ?? null,
    config: source?.config ?? null,
    madeWith: source?.madeWith ?? null,
    inputs: source ? shapesJson(source.inputs) : null,
    outputs: of('output'),
    gradients: of('gradient'),
    problems,
    milliseconds: Math.round(milliseconds),
  };
}

/** Everything that the command found out, as it goes to --json. */
export function reportJson(reports: readonly CaseReport[], about: { readonly version: string; readonly adapter: AdapterDescription; readonly tolerance: number | null }): string {
  const count = (verdict: CaseReport['verdict']) => reports.filter((report) => report.verdict === verdict).length;
  const { vendor, architecture, device, description, software } = about.adapter;
  const document = {
    zygo: about.version,
    adapter: { vendor, architecture, device, description, software },
    tolerance: about.tolerance,
    passed: count('passed'),
    failed: count('failed'),
    unreadable: count('unreadable'),
    cases: reports.map(caseJson),
  };
  return `${JSON.stringify(document, null, 2)}\n`;
}
