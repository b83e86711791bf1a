/** Runs cases in every variant that the device offers and compares them with the float64 references. */
import { DeviceError, type Engine, type TypedArray } from '../engine/index.js';
import { relativeError } from './compare.js';
import type { Expected, VerifyCase } from './types.js';
import { otherVariants, ruleLabel, watchChoices, type AskedFamilies } from './variants.js';

/** Error and tolerance of one output. */
export interface OutputError {
  readonly output: string;
  readonly error: number;
  readonly tolerance: number;
}

/** 'not offered': the device lacks a feature. 'other shapes': the variant does not take this case. */
export type Verdict = 'pass' | 'fail' | 'not offered' | 'other shapes';

/** One case in one variant. */
export interface VerifyResult {
  readonly op: string;
  readonly name: string;
  /** What ran: "matmul=quad", or what the rules chose ("rule: items=few rows=lanes8"), or "rule" where there is one kernel. */
  readonly variant: string;
  readonly verdict: Verdict;
  /** Every output, the worst first (error over tolerance); empty when nothing could be compared. */
  readonly outputs: readonly OutputError[];
  /** What went wrong, or what the variant needs. */
  readonly note: string;
}

/**
 * Runs a case, in whatever variants the engine is told to use, and reads its outputs.
 * @throws {DeviceError} when the device reported an error or was lost
 */
export async function compute(engine: Engine, { run }: VerifyCase): Promise<Record<string, TypedArray>> {
  return engine.scope(async () => {
    const outputs: Record<string, TypedArray> = {};
    for (const [output, value] of Object.entries(await run(engine))) {
      outputs[output] = ArrayBuffer.isView(value) ? value : await engine.read(value);
    }
    engine.checkDevice();
    return outputs;
  });
}

function judge(actual: Record<string, TypedArray>, expected: Readonly<Record<string, Expected>>): OutputError[] {
  const outputs = Object.entries(expected).map(([output, values]) => ({
    output,
    error: output in actual ? relativeError(actual[output], values) : Infinity,
    tolerance: values.tolerance,
  }));
  // A tolerance of 0 means equal bits: any error is infinitely worse than it.
  const badness = ({ error, tolerance }: OutputError): number => (error === 0 ? 0 : error / tolerance);
  return outputs.sort((a, b) => badness(b) - badness(a));
}

/** What one case did in one variant, and whether the engine is of use after it. */
interface Attempt extends Pick<VerifyResult, 'verdict' | 'outputs' | 'note'> {
  readonly broken: boolean;
}

async function attempt(engine: Engine, verifyCase: VerifyCase, expected: Readonly<Record<string, Expected>>): Promise<Attempt> {
  try {
    const outputs = judge(await compute(engine, verifyCase), expected);
    const passed = outputs.every(({ error, tolerance }) => error <= tolerance);
    return { verdict: passed ? 'pass' : 'fail', outputs, note: passed ? '' : `${outputs[0].output} is wrong`, broken: false };
  } catch (error) {
    const note = error instanceof Error ? error.message.split('\n')[0] : String(error);
    return { verdict: 'fail', outputs: [], note, broken: error instanceof DeviceError };
  }
}

/**
 * Verifies cases one after the other. A variant that breaks the device (it does not compile, the device is lost) is a
 * failure of its own: the rest goes on with a new engine.
 * @param open a new engine on the adapter under test
 * @param onCase called when a case has run in all its variants
 * @throws what `open` throws
 */
export async function* verify(
  open: () => Promise<Engine>,
  cases: readonly VerifyCase[],
  onCase: () => void = () => {},
): AsyncGenerator<VerifyResult, void, void> {
  let kept: Engine | null = null;
  /** Runs on the engine at hand, or on a new one; gives up one that is broken. */
  const run = async (verifyCase: VerifyCase, expected: Readonly<Record<string, Expected>>, prepare: (engine: Engine) => () => void) => {
    kept ??= await open();
    const undo = prepare(kept);
    const { broken, ...result } = await attempt(kept, verifyCase, expected);
    undo();
    const { features } = kept.device;
    if (broken) {
      kept.destroy();
      kept = null;
    }
    return { result: { op: verifyCase.op, name: verifyCase.name, ...result }, features };
  };
  try {
    for (const verifyCase of cases) {
      const expected = verifyCase.reference();
      let asked: AskedFamilies = new Map();
      const { result, features } = await run(verifyCase, expected, (engine) => {
        const choices = watchChoices(engine);
        asked = choices.asked;
        return choices.stop;
      });
      yield { ...result, variant: ruleLabel(asked) };
      for (const { family, variant, state, note } of otherVariants(asked, verifyCase, features)) {
        const label = `${family}=${variant}`;
        if (state !== 'can run') {
          yield { op: verifyCase.op, name: verifyCase.name, variant: label, verdict: state, outputs: [], note };
          continue;
        }
        const forced = await run(verifyCase, expected, (engine) => {
          engine.force(family, variant);
          return () => engine.force(family, null);
        });
        yield { ...forced.result, variant: label };
      }
      onCase();
    }
  } finally {
    (kept as Engine | null)?.destroy();
  }
}
