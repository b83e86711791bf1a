/** Shifted-window attention: shifted, padded, vec4 and ragged head dimensions, small and large windows. */
import { windowAttention } from '../../kernels/attention/index.js';
import { windowAttentionReference, type AttentionCase } from '../../../test/reference/attention.js';
import { differentiable } from '../differentiable.js';
import type { VerifyCase } from '../types.js';
import { input } from '../values.js';

function attentionCase(sizes: AttentionCase): VerifyCase {
  const { batch, height, width, heads, headDim, windowSize, shift } = sizes;
  const triple = 3 * heads * headDim;
  const padded = height % windowSize !== 0 || width % windowSize !== 0;
  return differentiable({
    op: 'windowAttention',
    name: `[${batch}, ${height}, ${width}, ${triple}], window ${windowSize}, shift ${shift}, ${heads} heads`,
    inputs: {
      // Large enough that the softmax is far from uniform.
      qkv: input([batch, height, width, triple], 91, { spread: 2 }),
      table: input([(2 * windowSize - 1) ** 2, heads], 92),
      ...(padded ? { padQkv: input([triple], 93) } : {}),
    },
    forward: (engine, { qkv, table, padQkv }) => windowAttention(engine, qkv, table, { heads, windowSize, shift, padQkv }),
    reference: ({ qkv, table, padQkv }: Record<string, Float64Array>) =>
      windowAttentionReference(sizes, qkv, table, padQkv ?? new Float64Array(triple)),
    vary: ['attention-forward', 'attention-backward'],
  });
}

/** Cases of src/kernels/attention. */
export function attentionCases(): VerifyCase[] {
  return [
    attentionCase({ batch: 2, height: 8, width: 12, heads: 2, headDim: 16, windowSize: 4, shift: 2 }),
    attentionCase({ batch: 1, height: 6, width: 9, heads: 2, headDim: 8, windowSize: 4, shift: 1 }),
    attentionCase({ batch: 1, height: 6, width: 9, heads: 2, headDim: 6, windowSize: 3, shift: 0 }),
    attentionCase({ batch: 1, height: 7, width: 14, heads: 1, headDim: 32, windowSize: 7, shift: 3 }),
    attentionCase({ batch: 1, height: 13, width: 12, heads: 1, headDim: 8, windowSize: 12, shift: 6 }),
  ];
}
