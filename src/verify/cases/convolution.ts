/** Convolutions: three channels in padded rows, and channels in vec4. The products in them have cases of their own. */
import { conv2d } from '../../kernels/convolution/index.js';
import { convolutionReference, type ConvolutionCase } from '../../../test/reference/convolution.js';
import { differentiable } from '../differentiable.js';
import type { VerifyCase } from '../types.js';
import { input } from '../values.js';

function convolutionCase(sizes: ConvolutionCase): VerifyCase {
  const { batch, height, width, channels, outputs, kernelHeight, kernelWidth, stride, padding, gelu = false } = sizes;
  return differentiable({
    op: 'conv2d',
    name: `[${batch}, ${height}, ${width}, ${channels}] -> ${outputs}, ${kernelHeight} x ${kernelWidth}, stride ${stride}`,
    inputs: {
      x: input([batch, height, width, channels], 71),
      weight: input([outputs, kernelHeight, kernelWidth, channels], 72, { spread: 0.5 }),
      bias: input([outputs], 73),
    },
    forward: (engine, { x, weight, bias }) => conv2d(engine, x, weight, bias, { stride, padding, activation: gelu ? 'gelu' : 'none' }),
    reference: ({ x, weight, bias }) => convolutionReference(x, weight, bias, sizes),
    vary: [],
  });
}

/** Cases of src/kernels/convolution. */
export function convolutionCases(): VerifyCase[] {
  return [
    convolutionCase({ batch: 2, height: 13, width: 14, channels: 3, outputs: 8, kernelHeight: 3, kernelWidth: 3, stride: 2, padding: 1, gelu: true }),
    convolutionCase({ batch: 1, height: 9, width: 12, channels: 4, outputs: 8, kernelHeight: 3, kernelWidth: 3, stride: 1, padding: 1 }),
  ];
}
