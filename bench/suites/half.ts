/** Ops of mixed precision: what is stored in f16 is rounded before, no conversion is timed that the op does not make itself. */
import { roundToHalf } from '../../src/engine/index.js';
import { layerNorm } from '../../src/kernels/normalization/index.js';
import { matmul } from '../../src/kernels/matmul/index.js';
import type { Expected } from '../../src/verify/index.js';
import type { OpCase } from './case.js';
import type { Stage } from './context.js';
import { mlpCase } from './layers.js';
import { attentionCase, layerNormCase, linearCase, productCase } from './ops.js';

/** Half a place of 11 binary digits of the largest value; in gradients that of dy, of the result and of what is summed. As in `zygo verify`. */
const HALF_TOLERANCE = 5e-4;
const HALF_GRADIENT_TOLERANCE = 2e-3;

/** A case with operands in f16. Its tolerances are those of f16; `exact` keeps the result's, where it is f32 and nothing between is rounded. */
function inHalf(given: OpCase, half: NonNullable<OpCase['half']>, { exact = false, forward = given.forward }: { readonly exact?: boolean; readonly forward?: OpCase['forward'] } = {}): OpCase {
  const loosened = (output: string, expected: Expected): Expected => {
    if (output !== 'y') return { ...expected, tolerance: HALF_GRADIENT_TOLERANCE };
    return exact ? expected : { ...expected, tolerance: HALF_TOLERANCE };
  };
  return {
    ...given,
    op: `${given.op} f16`,
    half,
    inputs: () => Object.fromEntries(Object.entries(given.inputs()).map(([name, { shape, data }]) => [name, { shape, data: half.inputs.includes(name) ? roundToHalf(data) : data }])),
    forward,
    expected: (doubles, wanted) => Object.fromEntries(Object.entries(given.expected(doubles, wanted)).map(([output, expected]) => [output, loosened(output, expected)])),
  };
}

/** y = a b of f16 operands, summed and stored in f32. */
export function halfProductCase(size: number): OpCase {
  const forward: OpCase['forward'] = (engine, { a, b }) => matmul(engine, a, b, { output: 'f32' });
  return inHalf(productCase(size, size, size), { inputs: ['a', 'b'], result: false }, { exact: true, forward });
}

/** The layer before a stage's attention: f16 from f16. */
export function halfLinearCase({ model, size, channels }: Stage, batch: number): OpCase {
  return inHalf(linearCase(model, batch * size * size, channels, 3 * channels, { activation: 'none', residual: false }), { inputs: ['x', 'weight'], result: true });
}

/** What mixed precision runs of a stage's block: norms with f16 results, products of f16 operands, attention on f16. */
export function halfCases(stage: Stage, batch: number): OpCase[] {
  const { model, size, channels, hidden } = stage;
  const tokens = batch * size * size;
  return [
    inHalf(layerNormCase(model, tokens, channels), { inputs: [], result: true }, { forward: (engine, { x, weight, bias }) => layerNorm(engine, x, weight, bias, { output: 'f16' }) }),
    halfLinearCase(stage, batch),
    inHalf(attentionCase(model, { batch, ...stage }), { inputs: ['qkv'], result: true }),
    inHalf(mlpCase(model, { tokens, inputs: channels, hidden, outputs: channels }), { inputs: ['x', 'up', 'down'], result: false }),
  ];
}
