/** The kernels that run over all parameters at once: AdamW, the running average, the gradient's norm. */
import type { Engine } from '../../src/engine/index.js';
import { adamw, adamwHyper, clipScale, ema } from '../../src/kernels/optimizer/index.js';
import { FORWARD_TOLERANCE, type Expected } from '../../src/verify/index.js';
import { input } from '../../src/verify/values.js';
import * as reference from '../../test/reference/optimizer.js';
import type { Group, Prepared } from '../harness/subject.js';

/** The numbers of the step that is timed. */
export const RATES = { learningRate: 1e-3, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0.05 };
/** Number of the step that is timed, from 1. */
export const STEP = 3;
const DECAY = 0.99;
/** Values that repeat through an arena: all of it is compared, from a short reference. */
const PERIOD = 4096;

/** Values of an arena: the same PERIOD of them over and over. */
export function arena(size: number, seed: number, offset = 0): Float32Array<ArrayBuffer> {
  const { data } = input([PERIOD], seed, { offset, spread: offset === 0 ? 1 : 0.5 * offset });
  return Float32Array.from({ length: size }, (_, at) => data[at % PERIOD]);
}

function expect(size: number, values: ArrayLike<number>): Expected {
  return { values: Float64Array.from({ length: size }, (_, at) => values[at % PERIOD]), tolerance: FORWARD_TOLERANCE };
}

/** Parameters and moments after one float64 step from the arenas of seeds 71, 73 and 74 with gradients of seed 72. */
export function expectedAdamw(size: number): Record<'parameters' | 'm' | 'v', Expected> {
  const state = { p: Float64Array.from(arena(PERIOD, 71)), m: Float64Array.from(arena(PERIOD, 73)), v: Float64Array.from(arena(PERIOD, 74, 1)) };
  reference.adamw(state, arena(PERIOD, 72), STEP, { ...RATES, rate: RATES.learningRate }, PERIOD);
  return { parameters: expect(size, state.p), m: expect(size, state.m), v: expect(size, state.v) };
}

/** AdamW over an arena, with its check. */
export function prepareAdamw(engine: Engine, size: number): Prepared {
  const [params, gradients, m, v] = [arena(size, 71), arena(size, 72), arena(size, 73), arena(size, 74, 1)].map((data) => engine.tensor(data, [size]));
  const hyper = engine.tensor(adamwHyper(STEP, RATES), [8]);
  const scale = engine.tensor([1, 1], [2]);
  const step = engine.capture('adamw', () => adamw(engine, { params, gradients, m, v, hyper, decayEnd: size, scale }));
  return {
    step,
    against: 'one float64 step, every element',
    async check() {
      const expected = expectedAdamw(size);
      return [
        { output: 'parameters', actual: await engine.read(params), expected: expected.parameters },
        { output: 'm', actual: await engine.read(m), expected: expected.m },
        { output: 'v', actual: await engine.read(v), expected: expected.v },
      ];
    },
  };
}

function prepareEma(engine: Engine, size: number): Prepared {
  const [target, online] = [arena(size, 75), arena(size, 76)].map((data) => engine.tensor(data, [size]));
  const hyper = engine.tensor([DECAY], [1]);
  const step = engine.capture('ema', () => ema(engine, { target, online, hyper }));
  return {
    step,
    against: 'one float64 step, every element',
    async check() {
      const [old, fresh] = [arena(PERIOD, 75), arena(PERIOD, 76)];
      const values = Float64Array.from(old, (value, at) => DECAY * value + (1 - DECAY) * fresh[at]);
      return [{ output: 'target', actual: await engine.read(target), expected: expect(size, values) }];
    },
  };
}

function prepareClip(engine: Engine, size: number): Prepared {
  const gradients = engine.tensor(arena(size, 78), [size]);
  const step = engine.capture('gradient norm', () => clipScale(engine, gradients, 1));
  return {
    step,
    against: 'the float64 norm',
    async check() {
      const squares = arena(PERIOD, 78).reduce((sum, value) => sum + value * value, 0);
      const rest = arena(size % PERIOD, 78).reduce((sum, value) => sum + value * value, 0);
      const norm = Math.sqrt(Math.floor(size / PERIOD) * squares + rest);
      return [{ output: 'scale and norm', actual: await engine.read(step.outputs), expected: { values: [1 / (norm + 1e-6), norm], tolerance: FORWARD_TOLERANCE } }];
    },
  };
}

/** The three over an arena of `size` floats, a multiple of 4. */
export function optimizerGroups(model: string, size: number): Group[] {
  const kernels = { adamw: prepareAdamw, ema: prepareEma, 'gradient norm': prepareClip };
  return Object.entries(kernels).map(([op, prepare]) => ({
    name: `${op} of ${model}`,
    subjects: [
      {
        name: { section: 'kernels', op, shape: `[${size}]`, model, pass: 'step', implementation: 'zygo', variant: 'rules' },
        capture: (engine: Engine) => prepare(engine, size),
      },
    ],
  }));
}
