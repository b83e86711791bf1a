/** Runs one case on a device and compares everything that it holds. */
import { DeviceError, expectShape, InputError, type Engine, type Tensor, type TypedArray } from '../engine/index.js';
import type { CaseTensor, ConformanceCase } from './case.js';
import { compare, largestMagnitude, type Comparison } from './compare.js';
import { OpRun, type ConformanceOp } from './op.js';
import { CONFORMANCE_OPS } from './ops.js';

/** What came of a case that could be read. */
export interface CaseResult {
  readonly passed: boolean;
  readonly comparisons: readonly Comparison[];
  /** What is wrong, in words, one line each; empty when it passed. */
  readonly problems: readonly string[];
}

function failed(problem: string): CaseResult {
  return { passed: false, comparisons: [], problems: [problem] };
}

/** Names of the outputs, gradients and cotangents that the op does not have. */
function unknownNames(of: ConformanceCase, op: ConformanceOp, outputs: Readonly<Record<string, Tensor>>): string[] {
  const known = Object.keys(outputs);
  const differentiable = (name: string) => op.differentiable.some((entry) => (entry.endsWith('.') ? name.startsWith(entry) : name === entry));
  const gives = op.differentiable.length > 0 ? `for ${op.differentiable.map((name) => (name.endsWith('.') ? `${name}NAME` : name)).join(', ')}` : 'for no input';
  return [
    ...[...of.outputs.keys()].filter((name) => !known.includes(name)).map((name) => `the op ${of.op} has no output ${name}; it has ${known.join(', ')}`),
    ...[...of.cotangents.keys()].filter((name) => !known.includes(name)).map((name) => `the op ${of.op} has no output ${name} that cotangent.${name} could belong to`),
    ...[...of.gradients.keys()].filter((name) => !differentiable(name)).map((name) => `the op ${of.op} gives no gradient of ${name}; it gives gradients ${gives}`),
  ];
}

interface Computed {
  readonly outputs: Readonly<Record<string, Tensor>>;
  readonly gradients: ReadonlyMap<string, Tensor | null>;
  readonly problems: readonly string[];
}

function computeCase(engine: Engine, of: ConformanceCase, op: ConformanceOp): Computed {
  const upload = ({ data, shape }: CaseTensor) => engine.tensor(Float32Array.from(data), shape);
  const inputs = new Map([...of.inputs].map(([name, tensor]) => [name, upload(tensor)]));
  return engine.withTape((tape) => {
    const watched = new Map([...of.gradients.keys()].map((name) => [name, inputs.get(name) as Tensor]));
    for (const input of watched.values()) tape.watch(input);
    const outputs = op.run(new OpRun(engine, of, inputs));
    const problems = unknownNames(of, op, outputs);
    if (problems.length > 0) return { outputs, gradients: new Map(), problems };
    const seeds = [...of.cotangents].map(([name, cotangent]) => {
      expectShape(`cotangent.${name}`, cotangent.shape, outputs[name].shape);
      return [outputs[name], upload(cotangent)] as const;
    });
    if (watched.size > 0) tape.backward(seeds);
    return { outputs, gradients: new Map([...watched].map(([name, input]) => [name, tape.gradientOf(input)])), problems };
  });
}

/** Largest magnitude in tensors of a case. */
function magnitudeOf(tensors: ReadonlyMap<string, CaseTensor>): number {
  return Math.max(0, ...[...tensors.values()].map(({ data }) => largestMagnitude(data)));
}

async function compareCase(engine: Engine, of: ConformanceCase, op: ConformanceOp, tolerance: number | undefined): Promise<CaseResult> {
  const computed = computeCase(engine, of, op);
  if (computed.problems.length > 0) return { passed: false, comparisons: [], problems: computed.problems };
  const comparisons: Comparison[] = [];
  for (const [name, expected] of of.outputs) {
    const output = computed.outputs[name];
    const comparand = { kind: 'output', name, expected, tolerance: tolerance ?? op.tolerance.forward, source: magnitudeOf(of.inputs) } as const;
    comparisons.push(compare(comparand, await engine.read(output), output.shape));
  }
  for (const [name, expected] of of.gradients) {
    const gradient = computed.gradients.get(name);
    // Where nothing flows the gradient is zero.
    const actual: TypedArray = gradient ? await engine.read(gradient) : new Float32Array(expected.data.length);
    const comparand = { kind: 'gradient', name, expected, tolerance: tolerance ?? op.tolerance.gradient, source: magnitudeOf(of.cotangents) } as const;
    comparisons.push(compare(comparand, actual, gradient?.shape ?? expected.shape));
  }
  const problems = comparisons.flatMap(({ problem }) => (problem === null ? [] : [problem]));
  return { passed: problems.length === 0, comparisons, problems };
}

/**
 * Runs a case; nothing of it stays on the device.
 * @param tolerance instead of the op's own, for outputs and gradients
 * @throws {InputError} when the case lacks an input, or its config cannot be read
 * @throws {DeviceError} when the device fails: the engine cannot be used any more
 */
export async function runCase(engine: Engine, of: ConformanceCase, tolerance?: number): Promise<CaseResult> {
  const op = Object.hasOwn(CONFORMANCE_OPS, of.op) ? CONFORMANCE_OPS[of.op] : undefined;
  if (!op) return failed(`there is no op "${of.op}"; expected one of ${Object.keys(CONFORMANCE_OPS).join(', ')}`);
  try {
    return await engine.scope(() => compareCase(engine, of, op, tolerance));
  } catch (error) {
    if (error instanceof InputError || error instanceof DeviceError) throw error;
    // Shapes that do not fit, and sizes that a kernel does not take: the case is whole, but the op refuses it.
    return failed((error as Error).message.replace(/\.$/, ''));
  }
}
