/** The optimiser over an arena of several workgroups. */
import { adamw, adamwHyper, clipScale, clipScaledGradients, ema, initialLossScale, LOSS_SCALE } from '../../kernels/optimizer/index.js';
import * as reference from '../../../test/reference/optimizer.js';
import { FORWARD_TOLERANCE, type VerifyCase } from '../types.js';
import { input } from '../values.js';

const COUNT = 9004;
const DECAY_END = 6004;
/** As the device sees them, rounded to f32: 1 - 0.999 would differ by 1e-5 otherwise. */
const OPTIONS = { beta1: Math.fround(0.9), beta2: Math.fround(0.999), epsilon: 1e-8, weightDecay: 0.05 };
const RATE = 1e-2;
const STEPS = 3;

const gradientsOf = (step: number) => input([COUNT], 80 + step, { spread: step });

/** @param tau decay of a running average that moves in the same launch, or null without one */
function adamwCase(tau: number | null): VerifyCase {
  const [start, averageStart] = [input([COUNT], 80), input([COUNT], 84)];
  return {
    op: 'adamw',
    name: `[${COUNT}], ${STEPS} steps, decay of ${DECAY_END}${tau === null ? '' : `, average ${tau}`}`,
    run(engine) {
      const target = engine.tensor(averageStart.data, [COUNT]);
      const average = tau === null ? undefined : { target, decay: engine.tensor([tau], [1], 'f32') };
      const params = engine.tensor(start.data, [COUNT]);
      const [m, v] = [engine.zeros([COUNT]), engine.zeros([COUNT])];
      const scale = engine.tensor([1, 1], [2], 'f32');
      for (let step = 1; step <= STEPS; step++) {
        const hyper = engine.tensor(adamwHyper(step, { learningRate: RATE, ...OPTIONS }), [8]);
        adamw(engine, { params, gradients: engine.tensor(gradientsOf(step).data, [COUNT]), m, v, hyper, decayEnd: DECAY_END, scale, average });
      }
      return { params, m, v, ...(average ? { average: target } : {}) };
    },
    reference() {
      const state = { p: Float64Array.from(start.data), m: new Float64Array(COUNT), v: new Float64Array(COUNT) };
      const average = Float64Array.from(averageStart.data);
      for (let step = 1; step <= STEPS; step++) {
        reference.adamw(state, gradientsOf(step).data, step, { rate: RATE, ...OPTIONS }, DECAY_END);
        average.forEach((value, index) => (average[index] = (tau ?? 1) * value + (1 - (tau ?? 1)) * state.p[index]));
      }
      const close = (values: Float64Array) => ({ values, tolerance: FORWARD_TOLERANCE });
      return { params: close(state.p), m: close(state.m), v: close(state.v), ...(tau === null ? {} : { average: close(average) }) };
    },
  };
}

function emaCase(): VerifyCase {
  const [target, online] = [input([COUNT], 85), input([COUNT], 86)];
  return {
    op: 'ema',
    name: `[${COUNT}], 0.9`,
    run(engine) {
      const tensor = engine.tensor(target.data, [COUNT]);
      ema(engine, { target: tensor, online: engine.tensor(online.data, [COUNT]), hyper: engine.tensor([0.9], [1], 'f32') });
      return { target: tensor };
    },
    reference: () => ({
      target: { values: Float64Array.from(target.data, (value, index) => 0.9 * value + 0.1 * online.data[index]), tolerance: FORWARD_TOLERANCE },
    }),
  };
}

function clipCase(limit: number): VerifyCase {
  const gradients = input([COUNT], 87);
  return {
    op: 'clipScale',
    name: `[${COUNT}], limit ${limit}`,
    run: (engine) => ({ 'factor, norm': clipScale(engine, engine.tensor(gradients.data, [COUNT]), limit) }),
    reference() {
      const norm = Math.sqrt(gradients.data.reduce((sum, value) => sum + value * value, 0));
      return { 'factor, norm': { values: [Math.min(1, limit / (norm + 1e-6)), norm], tolerance: FORWARD_TOLERANCE } };
    },
  };
}

/** A step that is taken, or with a gradient beyond f32 one that is skipped, and what it leaves of the running average. */
function scaledCase(overflow: boolean): VerifyCase {
  const [gradients, target, online] = [input([COUNT], 87, { spread: overflow ? 1e30 : 1 }), input([COUNT], 88), input([COUNT], 89)];
  const { initial, growthInterval } = LOSS_SCALE;
  const step = 5;
  const limit = 3;
  const rates = { learningRate: RATE, ...OPTIONS };
  return {
    op: 'clipScaledGradients',
    name: `[${COUNT}], limit ${limit}, ${overflow ? 'overflow' : 'no overflow'}`,
    run(engine) {
      const state = initialLossScale(engine);
      engine.write(state, [initial, growthInterval - 1, 2, 0]);
      const hyper = engine.tensor(adamwHyper(step, rates), [8]);
      const scale = clipScaledGradients(engine, engine.tensor(gradients.data, [COUNT]), limit, { state, hyper, options: LOSS_SCALE });
      const average = engine.tensor(target.data, [COUNT]);
      ema(engine, { target: average, online: engine.tensor(online.data, [COUNT]), hyper: engine.tensor([0.9], [1], 'f32'), scale });
      // An infinite norm cannot be compared.
      return { ...(overflow ? {} : { 'factor, norm': scale }), state, hyper, average };
    },
    reference() {
      const norm = Math.sqrt(gradients.data.reduce((sum, value) => sum + value * value, 0)) / initial;
      const overflows = overflow ? 3 : 2;
      const corrections = [OPTIONS.beta1, OPTIONS.beta2].map((beta) => 1 - beta ** (step - overflows));
      const tau = overflow ? 1 : 0.9;
      const close = (values: ArrayLike<number>) => ({ values, tolerance: FORWARD_TOLERANCE });
      return {
        ...(overflow ? {} : { 'factor, norm': close([Math.min(1, limit / (norm + 1e-6)) / initial, norm]) }),
        state: close(overflow ? [initial / 2, 0, overflows, 1] : [2 * initial, 0, overflows, 0]),
        hyper: close([...adamwHyper(step, rates).subarray(0, 5), ...corrections, step]),
        average: close(Float64Array.from(target.data, (value, index) => tau * value + (1 - tau) * online.data[index])),
      };
    },
  };
}

/** Cases of src/kernels/optimizer. */
export function optimizerCases(): VerifyCase[] {
  return [adamwCase(null), adamwCase(0.75), emaCase(), clipCase(3), clipCase(1000), scaledCase(false), scaledCase(true)];
}
