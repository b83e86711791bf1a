/** Adam with decoupled weight decay in jax-js: its optimiser package is not on npm, so the formula is written out under jit. */
import { numpy as np, type Array as JaxArray } from '@jax-js/jax';
import type { AdamSettings } from '../peer.js';

/** One parameter array with its moments. */
export interface AdamState {
  readonly parameter: JaxArray;
  readonly m: JaxArray;
  readonly v: JaxArray;
}

/**
 * Kingma and Ba 2015, algorithm 1, with the decay of Loshchilov and Hutter 2019. Owns all its arguments.
 * @param step number of this step from 1, a scalar on the device, so that one compiled function serves all steps
 */
export function adam({ parameter, m, v }: AdamState, gradient: JaxArray, step: JaxArray, settings: AdamSettings): AdamState {
  const { learningRate, beta1, beta2, epsilon, weightDecay } = settings;
  const nextM = m.mul(beta1).add(gradient.ref.mul(1 - beta1));
  const nextV = v.mul(beta2).add(np.square(gradient).mul(1 - beta2));
  const correctionOf = (beta: number, at: JaxArray): JaxArray => np.exp(at.mul(Math.log(beta))).mul(-1).add(1);
  const meanM = nextM.ref.div(correctionOf(beta1, step.ref));
  const root = np.sqrt(nextV.ref.div(correctionOf(beta2, step))).add(epsilon);
  const decayed = weightDecay === 0 ? parameter : parameter.mul(1 - learningRate * weightDecay);
  return { parameter: decayed.sub(meanM.div(root).mul(learningRate)), m: nextM, v: nextV };
}
