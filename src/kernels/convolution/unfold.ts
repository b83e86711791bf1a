import { formatShape, gridFor, ShapeError, type Engine, type Tensor } from '../../engine/index.js';

/** A convolution's window. */
export interface Window {
  readonly kernelHeight: number;
  readonly kernelWidth: number;
  readonly stride: number;
  /** Zeros on every side. */
  readonly padding: number;
}

/** Height or width of a convolution's result. */
export function outputLength(length: number, kernel: number, stride: number, padding: number): number {
  return Math.floor((length + 2 * padding - kernel) / stride) + 1;
}

/** Numbers of a launch between an image and the rows of its windows, and the elements that both are counted in. */
function launchOf(x: readonly number[], { kernelHeight, kernelWidth, stride, padding }: Window, columns: number) {
  const [batch, height, width, channels] = x;
  const lanes = channels % 4 === 0 && columns % 4 === 0 ? 4 : 1;
  const [outHeight, outWidth] = [outputLength(height, kernelHeight, stride, padding), outputLength(width, kernelWidth, stride, padding)];
  return {
    lanes,
    constants: { element: lanes === 4 ? 'vec4<f32>' : 'f32' },
    pixels: batch * outHeight * outWidth,
    params: { height, width, channels: channels / lanes, outHeight, outWidth, kernelHeight, kernelWidth, stride, padding, rowLength: columns / lanes },
  };
}

/**
 * Gradient of `unfold`: every element of the image sums the places that it was copied to.
 * @param drows [pixels, columns]
 * @param dx [B, H, W, C], overwritten
 * @param geluGradient of dx's shape, values before a GELU that gave the image: dx becomes their gradient
 */
export function fold(engine: Engine, drows: Tensor, dx: Tensor, window: Window, geluGradient: Tensor | null = null): void {
  const { lanes, constants, params } = launchOf(dx.shape, window, drows.shape[1]);
  const count = dx.size / lanes;
  engine.dispatch({
    shader: 'convolution/fold',
    constants: { ...constants, GELU_GRADIENT: geluGradient !== null },
    tensors: { drows, p: geluGradient ?? drows, dx },
    params: { count, ...params },
    workgroups: gridFor(count),
    flops: drows.size + (geluGradient ? 22 * dx.size : 0),
    bytes: 4 * (drows.size + dx.size + (geluGradient?.size ?? 0)),
  });
}

/**
 * The windows of an image as rows of a matrix (im2col), so that a convolution becomes a matrix product; differentiable.
 * rows[(b, oy, ox), (ky, kx, c)] = x[b, oy·stride + ky − padding, ox·stride + kx − padding, c], 0 outside.
 * @param x [B, H, W, C]
 * @param columns length of a row, at least kernelHeight·kernelWidth·C; the rest is 0
 * @returns [B·OH·OW, columns]
 * @throws {ShapeError} when x is no batch of images or the window does not fit
 */
export function unfold(engine: Engine, x: Tensor, window: Window, columns: number): Tensor {
  const { kernelHeight, kernelWidth, padding } = window;
  if (x.shape.length !== 4) throw new ShapeError(`unfold takes images [B, H, W, C], given ${formatShape(x.shape)}.`);
  const { constants, pixels, params } = launchOf(x.shape, window, columns);
  if (params.outHeight < 1 || params.outWidth < 1) {
    throw new ShapeError(`A window of ${kernelHeight} x ${kernelWidth} with padding ${padding} does not fit images ${formatShape(x.shape)}.`);
  }
  const rows = engine.empty([pixels, columns], 'f32', 'unfolded');
  engine.dispatch({
    shader: 'convolution/unfold',
    constants,
    tensors: { x, rows },
    params: { pixels, ...params },
    workgroups: gridFor(pixels * kernelHeight),
    bytes: 4 * (x.size + rows.size),
  });
  engine.record('unfold', [x], [rows], (context) => {
    if (context.needs(0)) fold(engine, context.gradient(0), context.target(0), window);
  });
  return rows;
}
