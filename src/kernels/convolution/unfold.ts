import { formatShape, gridFor, ShapeError, type Engine, type Tensor } from '../../engine/index.js';

/** A convolution's window. */
export interface Window {
  readonly kernelHeight: number;
  readonly kernelWidth: number;
  readonly stride: number;
  /** Zeros on every side. */
  readonly padding: number;
}

/** Columns of convolution/unfold_3x3_rgb: 27 places, and zeros up to whole vec4s. */
const RGB_COLUMNS = 28;

const isThree = ({ kernelHeight, kernelWidth }: Window): boolean => kernelHeight === 3 && kernelWidth === 3;

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
  const { lanes, constants, pixels, params } = launchOf(dx.shape, window, drows.shape[1]);
  const launch = {
    constants: { ...constants, GELU_GRADIENT: geluGradient !== null },
    tensors: { drows, p: geluGradient ?? drows, dx },
    flops: drows.size + (geluGradient ? 22 * dx.size : 0),
    bytes: 4 * (drows.size + dx.size + (geluGradient?.size ?? 0)),
  };
  const { height, width, channels, outHeight, outWidth, rowLength } = params;
  if (isThree(window) && window.stride === 2 && window.padding === 1) {
    const count = pixels * channels;
    engine.dispatch({ ...launch, shader: 'convolution/fold_3x3', params: { count, height, width, channels, outHeight, outWidth, rowLength }, workgroups: gridFor(count) });
  } else {
    const count = dx.size / lanes;
    engine.dispatch({ ...launch, shader: 'convolution/fold', params: { count, ...params }, workgroups: gridFor(count) });
  }
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
  const launch = { tensors: { x, rows }, bytes: 4 * (x.size + rows.size) };
  if (isThree(window) && x.shape[3] === 3 && columns === RGB_COLUMNS) {
    const { height, width, outHeight, outWidth, stride } = params;
    engine.dispatch({ ...launch, shader: 'convolution/unfold_3x3_rgb', params: { windows: pixels, height, width, outHeight, outWidth, stride, padding }, workgroups: gridFor(pixels) });
  } else {
    engine.dispatch({ ...launch, shader: 'convolution/unfold', constants, params: { pixels, ...params }, workgroups: gridFor(pixels * kernelHeight) });
  }
  engine.record('unfold', [x], [rows], (context) => {
    if (context.needs(0)) fold(engine, context.gradient(0), context.target(0), window);
  });
  return rows;
}
