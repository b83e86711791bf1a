/** Convolutions: three channels in padded rows, and channels in vec4. The products in them have cases of their own. */
import { conv2d, convolutionStem, stemWindows } from '../../kernels/convolution/index.js';
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

/** Two convolutions with GELU between them: [batch, side, side, 3] to 8 to `outputs` channels. */
function stemCase(batch: number, side: number, middle: number, outputs: number): VerifyCase {
  const window = { kernel: 3, stride: 2, padding: 1 };
  const shape = { kernelHeight: 3, kernelWidth: 3, stride: 2, padding: 1 };
  const half = Math.ceil(side / 2);
  return differentiable({
    op: 'convolutionStem',
    name: `[${batch}, ${side}, ${side}, 3] -> ${middle} -> ${outputs}`,
    inputs: {
      x: input([batch, side, side, 3], 74),
      up: input([middle, 3, 3, 3], 75, { spread: 0.5 }),
      upBias: input([middle], 76),
      down: input([outputs, 3, 3, middle], 77, { spread: 0.5 }),
      downBias: input([outputs], 78),
    },
    forward: (engine, { x, up, upBias, down, downBias }) =>
      convolutionStem(engine, stemWindows(engine, x, window), [batch, side, side], { weight: up, bias: upBias }, { weight: down, bias: downBias }, window),
    reference({ x, up, upBias, down, downBias }) {
      const hidden = convolutionReference(x, up, upBias, { batch, height: side, width: side, channels: 3, outputs: middle, ...shape, gelu: true });
      return convolutionReference(hidden, down, downBias, { batch, height: half, width: half, channels: middle, outputs, ...shape });
    },
    vary: [],
  });
}

/** Cases of src/kernels/convolution. */
export function convolutionCases(): VerifyCase[] {
  return [
    convolutionCase({ batch: 2, height: 13, width: 14, channels: 3, outputs: 8, kernelHeight: 3, kernelWidth: 3, stride: 2, padding: 1, gelu: true }),
    convolutionCase({ batch: 1, height: 9, width: 12, channels: 4, outputs: 8, kernelHeight: 3, kernelWidth: 3, stride: 1, padding: 1 }),
    stemCase(2, 12, 8, 12),
    stemCase(1, 9, 6, 5),
  ];
}
