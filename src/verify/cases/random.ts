/** Counter-based random numbers: every bit is known. */
import { philox, uniform } from '../../kernels/random/index.js';
import * as reference from '../../../test/reference/random.js';
import type { VerifyCase } from '../types.js';
import { randomIndices } from '../values.js';

/** Key word of the uniform numbers, as in shaders/random/uniform.wgsl. */
const UNIFORM_KEY = 0x554e4946;

function philoxCase(): VerifyCase {
  const count = 150;
  const [counters, keys] = [randomIndices(4 * count, 2 ** 32, 121), randomIndices(2 * count, 2 ** 32, 122)];
  return {
    op: 'philox',
    name: `${count} blocks`,
    run: (engine) => ({ y: philox(engine, engine.tensor(counters, [count, 4]), engine.tensor(keys, [count, 2])) }),
    reference: () => ({
      y: {
        values: Array.from({ length: count }, (_, at) =>
          reference.philox([...counters.subarray(4 * at, 4 * at + 4)], [...keys.subarray(2 * at, 2 * at + 2)]),
        ).flat(),
        tolerance: 0,
      },
    }),
  };
}

function uniformCase(): VerifyCase {
  const count = 603;
  const [seed, step, op] = [5, 6, 3];
  return {
    op: 'uniform',
    name: `[${count}]`,
    run: (engine) => ({ y: uniform(engine, [count], engine.tensor(Uint32Array.of(seed, step), [2]), op) }),
    reference() {
      const blocks = Array.from({ length: Math.ceil(count / 4) }, (_, quad) => reference.uniforms([quad, 0, op, step], [seed, UNIFORM_KEY]));
      return { y: { values: blocks.flat().slice(0, count), tolerance: 0 } };
    },
  };
}

/** Cases of src/kernels/random. */
export function randomCases(): VerifyCase[] {
  return [philoxCase(), uniformCase()];
}
