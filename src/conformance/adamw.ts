/** The op `adamw`: several steps of the optimiser on one tensor. */
import { expectShape, sizeOf, type Tensor } from '../engine/index.js';
import { adamw, adamwHyper } from '../kernels/optimizer/index.js';
import type { ConformanceOp, OpRun } from './op.js';
import { SINGLE_OP } from './tolerance.js';

/** Arenas hold whole vec4s. */
const VECTOR = 4;

/**
 * param and grads [steps, ...param's shape] to the param after all steps; every element is decayed.
 * Values that the config leaves out are torch.optim.AdamW's own.
 */
function run(given: OpRun): Record<string, Tensor> {
  const { engine, config } = given;
  const param = given.host('param');
  const grads = given.host('grads');
  const steps = grads.shape[0] ?? 0;
  expectShape('adamw: grads', grads.shape, [steps, ...param.shape]);
  const count = sizeOf(param.shape);
  const size = Math.ceil(count / VECTOR) * VECTOR;
  const padded = (values: ArrayLike<number>): Float32Array<ArrayBuffer> => {
    const arena = new Float32Array(size);
    arena.set(values);
    return arena;
  };
  const options = {
    learningRate: config.number('lr'),
    beta1: config.number('beta1', 0.9),
    beta2: config.number('beta2', 0.999),
    epsilon: config.number('epsilon', 1e-8),
    weightDecay: config.number('weightDecay', 0.01),
  };
  const params = engine.tensor(padded(param.data), [size]);
  const [m, v] = [engine.zeros([size]), engine.zeros([size])];
  const scale = engine.tensor([1, 0], [2]);
  for (let step = 0; step < steps; step++) {
    const gradients = engine.tensor(padded(grads.data.subarray(step * count, (step + 1) * count)), [size]);
    const hyper = engine.tensor(adamwHyper(step + 1, options), [8]);
    adamw(engine, { params, gradients, m, v, hyper, decayEnd: size, scale });
  }
  return { param: engine.view(params, 0, param.shape) };
}

/** The optimiser's steps as an op: inputs `param` and `grads`, output `param`; it has no gradients. */
export const adamwOp: ConformanceOp = { tolerance: SINGLE_OP, differentiable: [], run };
