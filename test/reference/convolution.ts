/** Two-dimensional convolution in float64, by its definition. */
import { geluReference } from './matmul.js';

export interface ConvolutionCase {
  batch: number;
  height: number;
  width: number;
  channels: number;
  outputs: number;
  kernelHeight: number;
  kernelWidth: number;
  stride: number;
  padding: number;
  gelu?: boolean;
}

/** Height and width of the result. */
export function convolutionSize({ height, width, kernelHeight, kernelWidth, stride, padding }: ConvolutionCase): [number, number] {
  return [Math.floor((height + 2 * padding - kernelHeight) / stride) + 1, Math.floor((width + 2 * padding - kernelWidth) / stride) + 1];
}

/** y [batch, outHeight, outWidth, outputs], flat; x has channels last, weight is [outputs, kernelHeight, kernelWidth, channels]. */
export function convolutionReference(
  x: ArrayLike<number>,
  weight: ArrayLike<number>,
  bias: ArrayLike<number> | null,
  sizes: ConvolutionCase,
): Float64Array {
  const { batch, height, width, channels, outputs, kernelHeight, kernelWidth, stride, padding, gelu = false } = sizes;
  const [outHeight, outWidth] = convolutionSize(sizes);
  const y = new Float64Array(batch * outHeight * outWidth * outputs);
  let at = 0;
  for (let image = 0; image < batch; image++) {
    for (let oy = 0; oy < outHeight; oy++) {
      for (let ox = 0; ox < outWidth; ox++) {
        for (let output = 0; output < outputs; output++) {
          let sum = bias ? bias[output] : 0;
          for (let ky = 0; ky < kernelHeight; ky++) {
            for (let kx = 0; kx < kernelWidth; kx++) {
              const row = oy * stride + ky - padding;
              const column = ox * stride + kx - padding;
              if (row < 0 || row >= height || column < 0 || column >= width) continue;
              for (let channel = 0; channel < channels; channel++) {
                const factor = weight[((output * kernelHeight + ky) * kernelWidth + kx) * channels + channel];
                sum += factor * x[((image * height + row) * width + column) * channels + channel];
              }
            }
          }
          y[at++] = gelu ? geluReference(sum) : sum;
        }
      }
    }
  }
  return y;
}
