/** The optimiser over an arena of several workgroups. */
import { adamw, adamwHyper, clipScale, ema } from '../../kernels/optimizer/index.js';
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

function adamwCase(): VerifyCase {
  const start = input([COUNT], 80);
  return {
    op: 'adamw',
    name: `[${COUNT}], ${STEPS} steps, decay of ${DECAY_END}`,
    run(engine) {
      const params = engine.tensor(start.data, [COUNT]);
      const [m, v] = [engine.zeros([COUNT]), engine.zeros([COUNT])];
      const scale = engine.tensor([1, 1], [2], 'f32');
      for (let step = 1; step <= STEPS; step++) {
        const hyper = engine.tensor(adamwHyper(step, { learningRate: RATE, ...OPTIONS }), [8]);
        adamw(engine, { params, gradients: engine.tensor(gradientsOf(step).data, [COUNT]), m, v, hyper, decayEnd: DECAY_END, scale });
      }
      return { params, m, v };
    },
    reference() {
      const state = { p: Float64Array.from(start.data), m: new Float64Array(COUNT), v: new Float64Array(COUNT) };
      for (let step = 1; step <= STEPS; step++) reference.adamw(state, gradientsOf(step).data, step, { rate: RATE, ...OPTIONS }, DECAY_END);
      const close = (values: Float64Array) => ({ values, tolerance: FORWARD_TOLERANCE });
      return { params: close(state.p), m: close(state.m), v: close(state.v) };
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

/** Cases of src/kernels/optimizer. */
export function optimizerCases(): VerifyCase[] {
  return [adamwCase(), emaCase(), clipCase(3), clipCase(1000)];
}
