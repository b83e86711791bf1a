import { expectShape, formatShape, ShapeError, type Engine, type Tensor } from '../../engine/index.js';
import { cast } from '../elementwise/index.js';
import { linear } from '../matmul/index.js';
import { padColumns } from './resize-columns.js';
import { outputLength, unfold } from './unfold.js';

/** How {@link conv2d} steps over an image, what follows the sum and in which precision it is taken. */
export interface ConvolutionOptions {
  /** Pixels from one window to the next, along both sides: a whole number of at least 1, 1 by default. */
  readonly stride?: number;
  /** Pixels of zeros on every side; 0 by default. */
  readonly padding?: number;
  /** 'none' by default; 'gelu' is the exact GELU. */
  readonly activation?: 'none' | 'gelu';
  /** What the product takes and what is kept for the backward pass; 'f32' by default. x, weight and result are f32. */
  readonly products?: 'f32' | 'f16';
}

/**
 * Convolution (in the sense of neural networks: cross-correlation) over images with channels last:
 * y[b, oy, ox, o] = activation(bias[o] + Σ_(ky, kx, c) weight[o, ky, kx, c] x[b, oy·stride + ky − padding, ox·stride + kx − padding, c]).
 * Differentiable in x, weight and bias.
 *
 * Unfolding and a matrix product: the products then run on the matmul kernels, forward and backward, with their
 * epilogue and their split sums. Rows are padded to a multiple of 4, so that 3 x 3 x 3 windows load as vectors.
 * @param x [B, H, W, Cin]
 * @param weight [Cout, kernelHeight, kernelWidth, Cin]
 * @param bias [Cout] or null
 * @returns [B, OH, OW, Cout]
 * @throws {ShapeError} when shapes do not fit
 */
export function conv2d(engine: Engine, x: Tensor, weight: Tensor, bias: Tensor | null, options: ConvolutionOptions = {}): Tensor {
  const { stride = 1, padding = 0, activation = 'none', products = 'f32' } = options;
  if (x.shape.length !== 4 || weight.shape.length !== 4 || x.shape[3] !== weight.shape[3]) {
    throw new ShapeError(
      `conv2d takes images [B, H, W, Cin] and a weight [Cout, kernelHeight, kernelWidth, Cin], given ${formatShape(x.shape)} and ${formatShape(weight.shape)}.`,
    );
  }
  if (!Number.isInteger(stride) || stride < 1 || !Number.isInteger(padding) || padding < 0) {
    throw new ShapeError(`conv2d takes a stride of at least 1 and a padding of at least 0, whole numbers, given ${stride} and ${padding}.`);
  }
  const [batch, height, width, channels] = x.shape;
  const [outputs, kernelHeight, kernelWidth] = weight.shape;
  if (bias) expectShape('conv2d: bias', bias.shape, [outputs]);
  const taps = kernelHeight * kernelWidth * channels;
  const columns = Math.ceil(taps / 4) * 4;
  const rows = unfold(engine, x, { kernelHeight, kernelWidth, stride, padding }, columns);
  const matrix = padColumns(engine, engine.reshape(weight, [outputs, taps]), columns);
  // Before GELU, f16 halves what is kept; without it nothing of the result is, and it need not be rounded.
  const output = activation === 'gelu' ? products : 'f32';
  const y = cast(engine, linear(engine, cast(engine, rows, products), cast(engine, matrix, products), bias, { activation, output }), 'f32');
  return engine.reshape(y, [
    batch,
    outputLength(height, kernelHeight, stride, padding),
    outputLength(width, kernelWidth, stride, padding),
    outputs,
  ]);
}
