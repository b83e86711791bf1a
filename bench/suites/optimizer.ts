/** The kernels that run over all parameters at once: AdamW, the running average, the gradient's norm. */
import { roundToHalf, type Engine } from '../../src/engine/index.js';
import { castInto } from '../../src/kernels/elementwise/index.js';
import { adamw, adamwHyper, clipScale, clipScaledGradients, ema, LOSS_SCALE } from '../../src/kernels/optimizer/index.js';
import { FORWARD_TOLERANCE, type Expected } from '../../src/verify/index.js';
import { input } from '../../src/verify/values.js';
import * as reference from '../../test/reference/optimizer.js';
import type { Group, Prepared } from '../harness/subject.js';
import { plainGroup } from './plain.js';

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

/** The average of seed 75 after it moved towards the given values. */
function expectedAverage(size: number, online: ArrayLike<number>): Expected {
  return expect(size, Float64Array.from(arena(PERIOD, 75), (value, at) => DECAY * value + (1 - DECAY) * online[at]));
}

/** AdamW over an arena, with its check; with `averages` a running average moves in the same launch, as in a training step. */
export function prepareAdamw(engine: Engine, size: number, averages = false): Prepared {
  const [params, gradients, m, v] = [arena(size, 71), arena(size, 72), arena(size, 73), arena(size, 74, 1)].map((data) => engine.tensor(data, [size]));
  const hyper = engine.tensor(adamwHyper(STEP, RATES), [8]);
  const scale = engine.tensor([1, 1], [2]);
  const target = averages ? engine.tensor(arena(size, 75), [size]) : null;
  const average = target ? { target, decay: engine.tensor([DECAY], [1]) } : undefined;
  const step = engine.capture('adamw', () => adamw(engine, { params, gradients, m, v, hyper, decayEnd: size, scale, average }));
  return {
    step,
    against: 'one float64 step, every element',
    async check() {
      const expected = expectedAdamw(size);
      return [
        { output: 'parameters', actual: await engine.read(params), expected: expected.parameters },
        { output: 'm', actual: await engine.read(m), expected: expected.m },
        { output: 'v', actual: await engine.read(v), expected: expected.v },
        ...(target ? [{ output: 'average', actual: await engine.read(target), expected: expectedAverage(size, expected.parameters.values) }] : []),
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
      return [{ output: 'target', actual: await engine.read(target), expected: expectedAverage(size, arena(PERIOD, 76)) }];
    },
  };
}

/** The norm of an arena's gradients and the factor that clips it, or with a loss scale that moves too. */
function prepareClip(engine: Engine, size: number, scaled = false): Prepared {
  const gradients = engine.tensor(arena(size, 78), [size]);
  const state = engine.tensor([LOSS_SCALE.initial, 0, 0, 0], [4]);
  const hyper = engine.tensor(adamwHyper(STEP, RATES), [8]);
  const step = engine.capture('gradient norm', () => (scaled ? clipScaledGradients(engine, gradients, 1, { state, hyper, options: LOSS_SCALE }) : clipScale(engine, gradients, 1)));
  return {
    step,
    against: 'the float64 norm',
    async check() {
      const squares = arena(PERIOD, 78).reduce((sum, value) => sum + value * value, 0);
      const rest = arena(size % PERIOD, 78).reduce((sum, value) => sum + value * value, 0);
      const scale = scaled ? LOSS_SCALE.initial : 1;
      const norm = Math.sqrt(Math.floor(size / PERIOD) * squares + rest) / scale;
      const factor = Math.min(1, 1 / (norm + 1e-6)) / scale;
      const [actualFactor, actualNorm] = await engine.read(step.outputs);
      return [
        { output: 'factor', actual: [actualFactor], expected: { values: [factor], tolerance: FORWARD_TOLERANCE } },
        { output: 'norm', actual: [actualNorm], expected: { values: [norm], tolerance: FORWARD_TOLERANCE } },
        ...(scaled ? [{ output: 'state', actual: await engine.read(state), expected: { values: [scale, 1, 0, 0], tolerance: FORWARD_TOLERANCE } }] : []),
      ];
    },
  };
}

/** The copy of all parameters in f16 that mixed precision makes in every step. */
function prepareHalfCopy(engine: Engine, size: number): Prepared {
  const source = engine.tensor(arena(size, 79), [size]);
  const copy = engine.empty([size], 'f16');
  const step = engine.capture('f16 copy', () => castInto(engine, source, copy));
  return {
    step,
    against: 'every element, rounded to f16',
    async check() {
      return [{ output: 'copy', actual: await engine.read(copy), expected: { ...expect(size, roundToHalf(arena(PERIOD, 79))), tolerance: FORWARD_TOLERANCE } }];
    },
  };
}

function groupsOf(model: string, size: number, kernels: Readonly<Record<string, (engine: Engine) => Prepared>>): Group[] {
  return Object.entries(kernels).map(([op, prepare]) => ({ ...plainGroup({ op, shape: `[${size}]`, model, pass: 'step', prepare }), name: `${op} of ${model}` }));
}

/** AdamW, the running average and the gradient's norm, each alone, over an arena of `size` floats, a multiple of 4. */
export function optimizerGroups(model: string, size: number): Group[] {
  return groupsOf(model, size, {
    adamw: (engine) => prepareAdamw(engine, size),
    ema: (engine) => prepareEma(engine, size),
    'gradient norm': (engine) => prepareClip(engine, size),
  });
}

/** What a training step launches in their place: AdamW with the running average; in mixed precision the norm with a loss scale, and a copy in f16. */
export function fusedOptimizerGroups(model: string, size: number): Group[] {
  return groupsOf(model, size, {
    'adamw and running average': (engine) => prepareAdamw(engine, size, true),
    'gradient norm and loss scale': (engine) => prepareClip(engine, size, true),
    'f32 to f16': (engine) => prepareHalfCopy(engine, size),
  });
}
