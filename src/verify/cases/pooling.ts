/** Region-masked pooling: the model's size, and ragged sizes. */
import { regionPool } from '../../kernels/pooling/index.js';
import { regionPoolReference, type PoolingCase } from '../../../test/reference/pooling.js';
import { differentiable } from '../differentiable.js';
import type { VerifyCase } from '../types.js';
import { input } from '../values.js';

function poolingCase(sizes: PoolingCase): VerifyCase {
  const { batch, height, width, channels, regions } = sizes;
  const masks = input([batch, regions, height, width], 112);
  return differentiable({
    op: 'regionPool',
    name: `[${batch}, ${height}, ${width}, ${channels}], ${regions} regions`,
    inputs: {
      x: input([batch, height, width, channels], 111),
      masks: { shape: masks.shape, data: masks.data.map((value) => Math.max(value, 0)) },
    },
    forward: (engine, tensors) => regionPool(engine, tensors.x, tensors.masks).pooled,
    reference: (values) => regionPoolReference(sizes, values.x, values.masks),
  });
}

/** Cases of src/kernels/pooling. */
export function poolingCases(): VerifyCase[] {
  return [
    poolingCase({ batch: 3, height: 8, width: 8, channels: 64, regions: 12 }),
    poolingCase({ batch: 2, height: 5, width: 9, channels: 37, regions: 3 }),
  ];
}
