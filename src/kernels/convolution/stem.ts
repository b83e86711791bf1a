/** Two convolutions with GELU between them, on the windows of an image: the stem of a network, its backward pass fused. */
import { expectShape, formatShape, ShapeError, type Engine, type Tensor } from '../../engine/index.js';
import { cast } from '../elementwise/index.js';
import { launchProduct, sameDtype } from '../matmul/launch.js';
import { cropColumns, padColumns } from './resize-columns.js';
import { fold, outputLength, unfold, type Window } from './unfold.js';

/** A convolution's parameters. */
export interface ConvolutionLayer {
  /** [Cout, kernel, kernel, Cin] */
  readonly weight: Tensor;
  /** [Cout] */
  readonly bias: Tensor;
}

/** Kernel (square), stride and padding of both convolutions. */
export interface StemWindow {
  readonly kernel: number;
  readonly stride: number;
  readonly padding: number;
}

function windowOf({ kernel, stride, padding }: StemWindow): Window {
  return { kernelHeight: kernel, kernelWidth: kernel, stride, padding };
}

/** Length of a window's row: whole vec4s, so that 3 x 3 windows of 3 channels load as vectors. */
function rowLength(kernel: number, channels: number): number {
  return Math.ceil((kernel * kernel * channels) / 4) * 4;
}

/**
 * The windows of an image that `convolutionStem` takes. Networks that look at the same image share them.
 * @param image f32 [B, H, W, C]
 * @param products what the products take
 * @returns [pixels, columns]
 */
export function stemWindows(engine: Engine, image: Tensor, window: StemWindow, products: 'f32' | 'f16' = 'f32'): Tensor {
  return cast(engine, unfold(engine, image, windowOf(window), rowLength(window.kernel, image.shape[3])), products);
}

/** A weight as the matrix [Cout, columns] that a product takes: padded, and in its dtype. Not on the tape. */
function matrixOf(engine: Engine, { weight }: ConvolutionLayer, columns: number, dtype: 'f32' | 'f16'): Tensor {
  const [outputs] = weight.shape;
  return engine.noGrad(() => cast(engine, padColumns(engine, engine.reshape(weight, [outputs, weight.size / outputs]), columns), dtype));
}

/**
 * y = conv(gelu(conv(image, U) + u), D) + d with U, u and D, d of `first` and `second`; differentiable in the windows and in
 * all parameters. As two `conv2d`s, but that the gradient of the image between them is multiplied by GELU's as it is folded,
 * and that gradients of weights are written where they belong.
 * @param windows of `stemWindows`, f32 or f16: what both products take
 * @param size [B, H, W] of the image
 * @returns f32 [B, H'', W'', Cout]
 * @throws {ShapeError} when shapes do not fit
 */
export function convolutionStem(engine: Engine, windows: Tensor, [batch, height, width]: readonly number[], first: ConvolutionLayer, second: ConvolutionLayer, window: StemWindow): Tensor {
  const { kernel, stride, padding } = window;
  const dtype = windows.dtype === 'f16' ? 'f16' : 'f32';
  const after = (length: number) => outputLength(length, kernel, stride, padding);
  const [channels, outputs] = [first.weight.shape[0], second.weight.shape[0]];
  const [rows, columns] = windows.shape;
  const middle = [batch, after(height), after(width), channels];
  const image = first.weight.shape[3];
  if (windows.shape.length !== 2 || rows !== middle[0] * middle[1] * middle[2] || columns !== rowLength(kernel, image)) {
    throw new ShapeError(`convolutionStem takes windows ${formatShape([middle[0] * middle[1] * middle[2], rowLength(kernel, image)])}, given ${formatShape(windows.shape)}.`);
  }
  expectShape('convolutionStem: first weight', first.weight.shape, [channels, kernel, kernel, image]);
  expectShape('convolutionStem: first bias', first.bias.shape, [channels]);
  expectShape('convolutionStem: second weight', second.weight.shape, [outputs, kernel, kernel, channels]);
  expectShape('convolutionStem: second bias', second.bias.shape, [outputs]);

  const inputs = [windows, first.weight, first.bias, second.weight, second.bias];
  const upper = matrixOf(engine, first, columns, dtype);
  const hidden = engine.empty(middle, 'f32', 'hidden');
  const preactivation = engine.differentiates(inputs) ? engine.empty(middle, 'f32', 'preactivation') : null;
  launchProduct(engine, { a: windows, b: upper, y: hidden, m: rows, n: channels, k: columns, transposeB: true, bias: first.bias, gelu: true, preactivation, label: 'stem 1' });
  const innerColumns = rowLength(kernel, channels);
  const inner = engine.noGrad(() => stemWindows(engine, hidden, window, dtype));
  const [innerRows] = inner.shape;
  const lower = matrixOf(engine, second, innerColumns, dtype);
  const y = engine.empty([batch, after(middle[1]), after(middle[2]), outputs]);
  launchProduct(engine, { a: inner, b: lower, y, m: innerRows, n: outputs, k: innerColumns, transposeB: true, bias: second.bias, label: 'stem 2' });

  engine.record('convolutionStem', inputs, [y], (context) => {
    if (!preactivation) return;
    /** Gradients of the parameters at two places of the inputs. */
    const parameters = (dz: Tensor, x: Tensor, n: number, place: number, label: string) => {
      const [m, k] = x.shape;
      const weight = inputs[place];
      const taps = weight.size / n;
      const target = context.needs(place) ? context.target(place, 'f32') : engine.empty(weight.shape);
      const matrix = engine.noGrad(() => engine.reshape(target, [n, taps]));
      const padded = k === taps ? matrix : engine.empty([n, k]);
      const rowSums = context.needs(place + 1) ? context.target(place + 1) : null;
      launchProduct(engine, { a: dz, b: x, y: padded, m: n, n: k, k: m, transposeA: true, rowSums, label });
      if (padded !== matrix) cropColumns(engine, padded, matrix);
    };
    const dy = sameDtype(engine, context.gradient(0), inner);
    parameters(dy, inner, outputs, 3, 'stem 2 dw');
    const dinner = engine.empty(inner.shape);
    launchProduct(engine, { a: dy, b: lower, y: dinner, m: innerRows, n: innerColumns, k: outputs, label: 'stem 2 dx' });
    const dhidden = engine.empty(middle, 'f32', 'gradient before gelu');
    fold(engine, dinner, dhidden, windowOf(window), preactivation);
    const dz = sameDtype(engine, dhidden, windows);
    parameters(dz, windows, channels, 1, 'stem 1 dw');
    if (context.needs(0)) launchProduct(engine, { a: dz, b: upper, y: context.target(0), m: rows, n: columns, k: channels, label: 'stem 1 dx' });
  });
  return y;
}
