/** Matrix products and linear layers: every transpose, shared and own matrices, ragged edges, split sums, epilogues. */
import { roundToHalf, type Engine, type Tensor } from '../../engine/index.js';
import { cast } from '../../kernels/elementwise/index.js';
import { linear, matmul, mlp } from '../../kernels/matmul/index.js';
import { linearReference, matmulReference, mlpReference, type MatmulCase, type MlpCase } from '../../../test/reference/matmul.js';
import { differentiable } from '../differentiable.js';
import { FORWARD_TOLERANCE, type VerifyCase } from '../types.js';
import { input } from '../values.js';

function product(sizes: MatmulCase, vary?: readonly string[]): VerifyCase {
  const { m, n, k, batch, sharedB = false, transposeA = false, transposeB = false } = sizes;
  const leading = batch === undefined ? [] : [batch];
  const words = [
    `${batch === undefined ? '' : `${batch} of `}${m} x ${k} x ${n}`,
    ...(transposeA ? ['a transposed'] : []),
    ...(transposeB ? ['b transposed'] : []),
    ...(sharedB ? ['one b'] : []),
  ];
  return differentiable({
    op: 'matmul',
    name: words.join(', '),
    inputs: {
      a: input([...leading, ...(transposeA ? [k, m] : [m, k])], 11),
      b: input([...(sharedB ? [] : leading), ...(transposeB ? [n, k] : [k, n])], 12),
    },
    forward: (engine, { a, b }) => matmul(engine, a, b, { transposeA, transposeB }),
    reference: ({ a, b }) => matmulReference(a, b, sizes),
    vary,
  });
}

/** f16 operands under a result in f32, without a bias: subgroup matrices take it forward and backward (as a bᵀ and aᵀ b). */
function halfProduct(sizes: MatmulCase): VerifyCase {
  const { m, n, k } = sizes;
  const operand = (shape: readonly number[], seed: number) => ({ shape, data: roundToHalf(input(shape, seed).data) });
  return differentiable({
    op: 'matmul',
    name: `${m} x ${k} x ${n}, operands f16`,
    inputs: { a: operand([m, k], 11), b: operand([k, n], 12) },
    forward: (engine, { a, b }) => matmul(engine, cast(engine, a, 'f16'), cast(engine, b, 'f16'), { output: 'f32' }),
    reference: ({ a, b }) => matmulReference(a, b, sizes),
    vary: ['matmul-f16', 'matmul-splits'],
    // dy is rounded to f16, and so are the gradients.
    gradientTolerance: 2e-3,
  });
}

function linearCase(tokens: number, inputs: number, outputs: number, gelu: boolean): VerifyCase {
  const residual = gelu;
  return differentiable({
    op: 'linear',
    name: `[${tokens}, ${inputs}] -> ${outputs}, bias${gelu ? ', gelu, residual' : ''}`,
    inputs: {
      x: input([tokens, inputs], 13),
      weight: input([outputs, inputs], 14, { spread: 0.5 }),
      bias: input([outputs], 15),
      ...(residual ? { residual: input([tokens, outputs], 16) } : {}),
    },
    forward: (engine, { x, weight, bias, residual: added }) =>
      linear(engine, x, weight, bias, { activation: gelu ? 'gelu' : 'none', residual: added }),
    reference: ({ x, weight, bias, residual: added }: Record<string, Float64Array>) =>
      linearReference(x, weight, bias, added ?? null, { tokens, inputs, outputs, gelu }),
    vary: ['matmul', 'matmul-splits'],
  });
}

/** f16 operands that hold `data` rounded to f16, on the tape as f32 inputs: their gradients come back in f32. */
function halfLinearCase(tokens: number, inputs: number, outputs: number, output: 'f32' | 'f16', activation: 'none' | 'gelu' = 'none'): VerifyCase {
  const half = (shape: readonly number[], seed: number, spread = 1) => {
    const { data } = input(shape, seed, { spread });
    return { shape, data: roundToHalf(data) };
  };
  return differentiable({
    op: 'linear',
    name: `[${tokens}, ${inputs}] -> ${outputs}, bias${activation === 'gelu' ? ', gelu' : ''}, residual, operands f16, result ${output}`,
    inputs: {
      x: half([tokens, inputs], 13),
      weight: half([outputs, inputs], 14, 0.5),
      bias: input([outputs], 15),
      residual: half([tokens, outputs], 16),
    },
    forward: (engine, { x, weight, bias, residual }) => {
      const y = linear(engine, cast(engine, x, 'f16'), cast(engine, weight, 'f16'), bias, { activation, residual: cast(engine, residual, output), output });
      return cast(engine, y, 'f32');
    },
    reference: ({ x, weight, bias, residual }) => linearReference(x, weight, bias, residual, { tokens, inputs, outputs, gelu: activation === 'gelu' }),
    vary: ['matmul-f16', 'matmul-splits'],
    // Half a place of 11 binary digits; in the gradients that of dy, of the result and of what both are summed from.
    tolerance: output === 'f16' ? 5e-4 : FORWARD_TOLERANCE,
    gradientTolerance: 2e-3,
  });
}

/** Operands of f16 hold values rounded to it; see halfLinearCase. */
function mlpCase(sizes: MlpCase, half = false): VerifyCase {
  const { tokens, inputs, hidden, outputs } = sizes;
  const operand = (shape: readonly number[], seed: number, spread = 1) => {
    const values = input(shape, seed, { spread });
    return half ? { shape, data: roundToHalf(values.data) } : values;
  };
  const stored = (engine: Engine, x: Tensor): Tensor => (half ? cast(engine, x, 'f16') : x);
  return differentiable({
    op: 'mlp',
    name: `[${tokens}, ${inputs}] -> ${hidden} -> ${outputs}, residual${half ? ', operands f16' : ''}`,
    inputs: {
      x: operand([tokens, inputs], 13),
      up: operand([hidden, inputs], 14, 0.5),
      upBias: input([hidden], 15),
      down: operand([outputs, hidden], 16, 0.5),
      downBias: input([outputs], 17),
      residual: input([tokens, outputs], 18),
    },
    forward: (engine, { x, up, upBias, down, downBias, residual }) =>
      mlp(engine, stored(engine, x), { weight: stored(engine, up), bias: upBias }, { weight: stored(engine, down), bias: downBias }, { residual, output: 'f32' }),
    reference: (values) => mlpReference(values, sizes),
    vary: [half ? 'matmul-f16' : 'matmul', 'matmul-splits'],
    // The hidden layer is rounded to f16.
    ...(half ? { tolerance: 5e-4, gradientTolerance: 2e-3 } : {}),
  });
}

/** Cases of src/kernels/matmul. Sizes that are multiples of 4 are taken by every variant, forward and backward. */
export function matmulCases(): VerifyCase[] {
  const even = { m: 68, n: 44, k: 36 };
  return [
    product(even),
    product({ ...even, transposeA: true }),
    product({ ...even, transposeB: true }),
    product({ ...even, transposeA: true, transposeB: true }),
    product({ m: 37, n: 67, k: 19 }, ['matmul']),
    product({ m: 1, n: 5, k: 3 }, ['matmul']),
    product({ m: 20, n: 12, k: 8, batch: 3 }, ['matmul']),
    product({ m: 20, n: 12, k: 8, batch: 3, sharedB: true, transposeA: true }, ['matmul']),
    // Long inner sums under a small result, which are split over workgroups.
    product({ m: 12, n: 20, k: 1028 }),
    halfProduct(even),
    linearCase(72, 28, 52, true),
    linearCase(600, 16, 12, false),
    linearCase(35, 13, 9, true),
    halfLinearCase(72, 28, 52, 'f16'),
    halfLinearCase(600, 16, 12, 'f32'),
    halfLinearCase(34, 14, 10, 'f16', 'gelu'),
    mlpCase({ tokens: 68, inputs: 12, hidden: 44, outputs: 20 }),
    mlpCase({ tokens: 33, inputs: 5, hidden: 19, outputs: 7 }),
    mlpCase({ tokens: 68, inputs: 12, hidden: 44, outputs: 20 }, true),
    mlpCase({ tokens: 33, inputs: 6, hidden: 18, outputs: 10 }, true),
  ];
}
