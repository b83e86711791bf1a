/** Every candidate of a problem made ready, and compared with the base variant before it may be timed. */
import type { CapturedStep, Engine, Tensor, TypedArray } from '../engine/index.js';
import { VARIANT_FAMILIES } from '../kernels/variants.js';
import { relativeError } from '../verify/compare.js';
import { Replay } from '../timing/replay.js';
import type { TracedProblem } from './trace.js';
import { workloadOf, type Workload } from './workloads/index.js';

/**
 * Largest difference from the base variant, relative to the largest magnitude: far above what another order of
 * summation does, far below what a wrong index does. `zygo verify` is the strict judge.
 */
const TOLERANCE = 5e-4;

/** The same where results are stored as f16: nearly equal sums may round to neighbours, 2⁻¹⁰ apart at most. */
const HALF_TOLERANCE = TOLERANCE + 2 ** -10;

/** One candidate, ready to be timed or turned down. */
export interface Candidate {
  readonly variant: string;
  /** Null when it may not be timed. */
  readonly replay: Replay | null;
  /** The variant before it that has the same launches, whose time is its own too. */
  readonly sameAs: string | null;
  readonly error: number | null;
  readonly note: string;
}

/** A variant could not even run; the engine may be broken. */
export class CandidateFailure extends Error {
  constructor(
    readonly variant: string,
    override readonly cause: unknown,
  ) {
    super(cause instanceof Error ? cause.message.split('\n')[0] : String(cause));
  }
}

/** All candidates of a problem, and what they launched. */
export interface Candidates {
  readonly list: readonly Candidate[];
  readonly shaders: readonly string[];
  destroy(): void;
}

/** The variant that others are compared with. */
export function baseOf(family: string, candidates: readonly string[]): string {
  const base = VARIANT_FAMILIES[family]?.base;
  return base !== undefined && candidates.includes(base) ? base : candidates[0];
}

/** What a step launches, in words that are equal when the launches are. */
function signatureOf({ commands }: CapturedStep<unknown>): string {
  return JSON.stringify(
    commands.map((command) => (command.kind === 'dispatch' ? [command.program.source, command.call.params, command.call.workgroups] : command.kind)),
  );
}

async function resultsOf(engine: Engine, step: CapturedStep<readonly Tensor[]>, workload: Workload): Promise<TypedArray[]> {
  workload.reset();
  step.run();
  const results: TypedArray[] = [];
  for (const output of step.outputs) results.push(await engine.read(output));
  return results;
}

function capture(engine: Engine, family: string, variant: string, workload: Workload): CapturedStep<readonly Tensor[]> {
  engine.force(family, variant);
  try {
    return workload.capture();
  } finally {
    engine.force(family, null);
  }
}

/**
 * Makes the candidates of a problem ready, in the caller's scope.
 * @param excluded variants that failed before, with the reason
 * @returns null when there is nothing to choose: no launches, or the same ones whatever is chosen
 * @throws {CandidateFailure} when a variant does not compile or breaks the device
 */
export async function makeCandidates(engine: Engine, traced: TracedProblem, excluded: ReadonlyMap<string, string>): Promise<Candidates | null> {
  const workload = workloadOf(engine, traced);
  if (!workload) return null;
  const { family, candidates } = traced;
  const base = baseOf(family, candidates);
  const steps: CapturedStep<unknown>[] = [];
  const list: Candidate[] = [];
  const shaders = new Set<string>();
  /** First variant with these launches. */
  const seen = new Map<string, string>();
  let expected: TypedArray[] | null = null;
  const destroy = (): void => {
    for (const { replay } of list) replay?.destroy();
    for (const step of steps) step.destroy();
  };
  for (const variant of [base, ...candidates.filter((candidate) => candidate !== base)]) {
    const failed = excluded.get(variant);
    if (failed !== undefined) {
      list.push({ variant, replay: null, sameAs: null, error: null, note: `failed: ${failed}` });
      continue;
    }
    try {
      const step = capture(engine, family, variant, workload);
      steps.push(step);
      for (const command of step.commands) if (command.kind === 'dispatch') shaders.add(command.call.shader);
      const signature = signatureOf(step);
      const same = seen.get(signature);
      if (same !== undefined) {
        list.push({ variant, replay: null, sameAs: same, error: list.find((candidate) => candidate.variant === same)?.error ?? null, note: `the same launches as ${same}` });
        continue;
      }
      seen.set(signature, variant);
      await step.prepare();
      const results = await resultsOf(engine, step, workload);
      if (variant === base) expected = results;
      list.push(compared(engine, variant, base, step, results, expected));
    } catch (error) {
      destroy();
      throw new CandidateFailure(variant, error);
    }
  }
  if (seen.size + excluded.size > 1) return { list, shaders: [...shaders].sort(), destroy };
  destroy();
  return null;
}

function compared(
  engine: Engine,
  variant: string,
  base: string,
  step: CapturedStep<readonly Tensor[]>,
  results: readonly TypedArray[],
  expected: readonly TypedArray[] | null,
): Candidate {
  if (!expected) return { variant, replay: null, sameAs: null, error: null, note: `could not be compared: ${base} failed` };
  const tolerance = step.outputs.some(({ dtype }) => dtype === 'f16') ? HALF_TOLERANCE : TOLERANCE;
  const errors = results.map((result, index) => relativeError(result, { values: expected[index], tolerance }));
  const error = Math.max(0, ...errors);
  if (error <= tolerance) return { variant, replay: new Replay(engine, step, variant), sameAs: null, error, note: '' };
  const finite = Number.isFinite(error);
  const note = finite ? `wrong: differs from ${base} by ${error.toExponential(1)} of the largest value` : `wrong: results that are not finite, or of another size than ${base}'s`;
  return { variant, replay: null, sameAs: null, error: finite ? error : null, note };
}
