/** An op on fixed inputs as subjects: forward, backward, or both, in the variants that are asked for. */
import { roundToHalf, type Engine, type Tensor } from '../../src/engine/index.js';
import { FORWARD_TOLERANCE, GRADIENT_TOLERANCE, type Expected } from '../../src/verify/index.js';
import { randomSigns, randomValues, type Input } from '../../src/verify/values.js';
import type { Prepared, RowName, Subject } from '../harness/subject.js';

/** What of an op a row times. */
export type Pass = 'forward' | 'backward' | 'forward and backward';

/** Inputs in float64, and dL/d y. */
export interface Doubles {
  readonly inputs: Readonly<Record<string, Float64Array>>;
  readonly dy: Float64Array;
}

/** A differentiable op at one size. */
export interface OpCase {
  readonly op: string;
  readonly shape: string;
  /** Where the shape comes from. */
  readonly model: string;
  /** Differentiable inputs, made when they are needed. */
  inputs(): Readonly<Record<string, Input>>;
  forward(engine: Engine, inputs: Readonly<Record<string, Tensor>>): Tensor;
  /** Expected outputs by name, "y" and "d/d <input>": all of them, or those that `wanted` says. */
  expected(doubles: Doubles, wanted: (output: string) => boolean): Readonly<Record<string, Expected>>;
  /** What `expected` rests on, in words. */
  readonly against: string;
  /** dL/d y repeats after so many elements, as the inputs do; the whole of it when left out. */
  readonly period?: number;
  /** What is stored in f16: inputs by name, and the result with its gradient. All values are rounded to it beforehand. */
  readonly half?: { readonly inputs: readonly string[]; readonly result: boolean };
}

const DY_SEED = 77;

/** dL/d y of an output of `size` elements. */
export function outputGradient({ period, half }: OpCase, size: number): Float32Array<ArrayBuffer> {
  const drawn = randomValues(period ?? size, DY_SEED);
  const values = half?.result ? roundToHalf(drawn) : drawn;
  return period === undefined ? values : Float32Array.from({ length: size }, (_, at) => values[at % period]);
}

/** Step of central differences in float64. */
const STEP = 1e-5;

/**
 * Expected outputs from a float64 forward function: y whole, each gradient along one random direction (which sees every
 * element) and at two places, by central differences.
 * @param places false leaves the two places out, where the reference is slow
 */
export function byDifferences(forward: (inputs: Readonly<Record<string, Float64Array>>) => Float64Array, places = true): OpCase['expected'] {
  return ({ inputs, dy }, wanted) => {
    const outputs: Record<string, Expected> = {};
    if (wanted('y')) outputs.y = { values: forward(inputs), tolerance: FORWARD_TOLERANCE };
    const loss = (): number => {
      const y = forward(inputs);
      let sum = 0;
      for (let at = 0; at < y.length; at++) sum += y[at] * dy[at];
      return sum;
    };
    for (const [name, x] of Object.entries(inputs)) {
      if (!wanted(`d/d ${name}`)) continue;
      const kept = x.slice();
      const difference = (move: (sign: number) => void): number => {
        const [above, below] = [1, -1].map((sign) => {
          move(sign);
          const value = loss();
          x.set(kept);
          return value;
        });
        return (above - below) / (2 * STEP);
      };
      const at = places ? [...new Set([Math.floor(x.length / 3), x.length - 1])] : [];
      const weights = randomSigns(x.length, 991);
      outputs[`d/d ${name}`] = {
        at,
        values: at.map((place) => difference((sign) => (x[place] += sign * STEP))),
        projection: { weights, value: difference((sign) => weights.forEach((weight, place) => (x[place] += sign * STEP * weight))) },
        tolerance: GRADIENT_TOLERANCE,
      };
    }
    return outputs;
  };
}

/** An input whose first dimension holds the given items `count` times over. */
export function repeatedInput({ shape: [items, ...rest], data }: Input, count: number): Input {
  return { shape: [items * count, ...rest], data: Float32Array.from({ length: data.length * count }, (_, at) => data[at % data.length]) };
}

function tiled(values: ArrayLike<number>, count: number): Float64Array {
  return Float64Array.from({ length: values.length * count }, (_, at) => values[at % values.length]);
}

/**
 * The expected outputs of items (images, rows, problems) that repeat `count` times, from those of the items alone:
 * a reference of the whole would take minutes, and this one still sees every element.
 * @param own inputs that every item has its own part of; gradients of the others are sums over all items
 * @param expected of one repetition
 */
export function repeated(count: number, own: readonly string[], expected: OpCase['expected']): OpCase['expected'] {
  return ({ inputs, dy }, wanted) => {
    const part = (name: string, x: Float64Array): Float64Array => (own.includes(name) ? x.slice(0, x.length / count) : x);
    const once = expected({ inputs: Object.fromEntries(Object.entries(inputs).map(([name, x]) => [name, part(name, x)])), dy: dy.slice(0, dy.length / count) }, wanted);
    const all = (output: string, { values, at, projection, rowProjection, tolerance }: Expected): Expected => {
      const name = output.replace('d/d ', '');
      if (output === 'y' || own.includes(name)) {
        const size = output === 'y' ? dy.length / count : inputs[name].length / count;
        return {
          values: at ? tiled(values, 2) : tiled(values, count),
          // The first and the last repetition; the projection sees the others.
          ...(at ? { at: [...at, ...at.map((place) => place + (count - 1) * size)] } : {}),
          ...(projection ? { projection: { weights: tiled(projection.weights, count), value: count * projection.value } } : {}),
          ...(rowProjection ? { rowProjection: { weights: rowProjection.weights, values: tiled(rowProjection.values, count) } } : {}),
          tolerance,
        };
      }
      return {
        values: Array.from(values, (value) => count * value),
        ...(at ? { at } : {}),
        ...(projection ? { projection: { weights: projection.weights, value: count * projection.value } } : {}),
        ...(rowProjection ? { rowProjection: { weights: rowProjection.weights, values: Array.from(rowProjection.values, (value) => count * value) } } : {}),
        tolerance,
      };
    };
    return Object.fromEntries(Object.entries(once).map(([output, values]) => [output, all(output, values)]));
  };
}

/** How a subject differs from another of the same case. */
export interface SubjectOptions {
  readonly section: RowName['section'];
  readonly pass: Pass;
  /** Families that are forced while the step is captured, by variant. */
  readonly force?: Readonly<Record<string, string>>;
  /** In place of the case's own forward function, with the name of the implementation. */
  readonly rival?: { readonly implementation: string; forward: OpCase['forward'] };
  readonly series?: RowName['series'];
}

/** Runs `body` with families forced to variants. */
export function forced<T>(engine: Engine, force: Readonly<Record<string, string>>, body: () => T): T {
  for (const [family, variant] of Object.entries(force)) engine.force(family, variant);
  try {
    return body();
  } finally {
    for (const family of Object.keys(force)) engine.force(family, null);
  }
}

/** "matmul=naive", or "rules". */
export function variantName(force: Readonly<Record<string, string>> = {}): string {
  return Object.entries(force).map(([family, variant]) => `${family}=${variant}`).join(' ') || 'rules';
}

/** Inputs and references of the last case that was asked for: rivals and ladders ask for one case several times. */
let kept: { readonly given: OpCase; inputs: ReturnType<OpCase['inputs']> | null; readonly outputs: Record<string, Expected> } | null = null;

/** What is kept of a case; what was kept of another is gone. */
function keptOf(given: OpCase): NonNullable<typeof kept> {
  if (kept?.given !== given) kept = { given, inputs: null, outputs: {} };
  return kept;
}

/** Expected values of the named outputs, "y" and "d/d <input>". */
export function expectedOf(given: OpCase, doubles: () => Doubles, outputs: readonly string[]): Record<string, Expected> {
  const known = keptOf(given).outputs;
  if (outputs.some((output) => !(output in known))) Object.assign(known, given.expected(doubles(), (output) => outputs.includes(output) && !(output in known)));
  return Object.fromEntries(outputs.flatMap((output) => (output in known ? [[output, known[output]]] : [])));
}

function capture(engine: Engine, given: OpCase, { pass, force = {}, rival }: SubjectOptions): Prepared {
  // Of large products they take the CPU longer than the device takes for all variants.
  const inputs = (keptOf(given).inputs ??= given.inputs());
  const names = Object.keys(inputs);
  const tensors = Object.fromEntries(names.map((name) => [name, engine.tensor(inputs[name].data, inputs[name].shape, given.half?.inputs.includes(name) ? 'f16' : 'f32')]));
  const forward = rival?.forward ?? given.forward;
  const name = `${given.op} ${pass}`;
  /** The op under a tape, and its gradients as functions of it. */
  const run = <T>(body: (y: Tensor, backward: () => Record<string, Tensor>) => T): T =>
    engine.withTape((tape) => {
      for (const key of names) tape.watch(tensors[key]);
      const y = forward(engine, tensors);
      return body(y, () => {
        tape.backward([[y, engine.tensor(outputGradient(given, y.size), y.shape, given.half?.result ? 'f16' : 'f32')]]);
        return Object.fromEntries(names.map((key) => [`d/d ${key}`, tape.gradientOf(tensors[key]) ?? engine.zeros(tensors[key].shape)]));
      });
    });
  const step = forced(engine, force, () => {
    if (pass === 'forward') return engine.capture(name, () => run((y): Record<string, Tensor> => ({ y })));
    if (pass === 'backward') return run((_, backward) => engine.capture(name, backward));
    return engine.capture(name, () => run((y, backward): Record<string, Tensor> => ({ y, ...backward() })));
  });
  return {
    step,
    against: given.against,
    async check() {
      const size = pass === 'backward' ? sizeOfOutput(engine, given, tensors) : step.outputs.y.size;
      const doubles = (): Doubles => ({
        inputs: Object.fromEntries(names.map((key) => [key, Float64Array.from(inputs[key].data)])),
        dy: Float64Array.from(outputGradient(given, size)),
      });
      const expected = expectedOf(given, doubles, Object.keys(step.outputs));
      return Promise.all(Object.entries(expected).map(async ([output, values]) => ({ output, actual: await engine.read(step.outputs[output]), expected: values })));
    },
  };
}

/** Elements of the op's output: the backward step alone does not hold it. */
function sizeOfOutput(engine: Engine, given: OpCase, tensors: Readonly<Record<string, Tensor>>): number {
  const step = engine.capture(`${given.op} shape`, () => given.forward(engine, tensors));
  const { size } = step.outputs;
  step.destroy();
  return size;
}

/** One row of a case. */
export function subjectOf(given: OpCase, options: SubjectOptions): Subject {
  return {
    name: {
      section: options.section,
      op: given.op,
      shape: given.shape,
      model: given.model,
      pass: options.pass,
      implementation: options.rival?.implementation ?? 'zygo',
      variant: variantName(options.force),
      series: options.series ?? null,
    },
    capture: (engine) => capture(engine, given, options),
  };
}
