/** Matrix products and linear layers: every transpose, shared and own matrices, ragged edges, split sums, epilogues. */
import { linear, matmul } from '../../kernels/matmul/index.js';
import { linearReference, matmulReference, type MatmulCase } from '../../../test/reference/matmul.js';
import { differentiable } from '../differentiable.js';
import type { VerifyCase } from '../types.js';
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
    linearCase(72, 28, 52, true),
    linearCase(600, 16, 12, false),
    linearCase(35, 13, 9, true),
  ];
}
