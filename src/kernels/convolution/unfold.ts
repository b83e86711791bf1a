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

/**
 * The windows of an image as rows of a matrix (im2col), so that a convolution becomes a matrix product; differentiable.
 * rows[(b, oy, ox), (ky, kx, c)] = x[b, oy·stride + ky − padding, ox·stride + kx − padding, c], 0 outside.
 * @param x [B, H, W, C]
 * @param columns length of a row, at least kernelHeight·kernelWidth·C; the rest is 0
 * @returns [B·OH·OW, columns]
 * @throws {ShapeError} when x is no batch of images or the window does not fit
 */
export function unfold(engine: Engine, x: Tensor, window: Window, columns: number): Tensor {
  const { kernelHeight, kernelWidth, stride, padding } = window;
  if (x.shape.length !== 4) throw new ShapeError(`unfold takes images [B, H, W, C], given ${formatShape(x.shape)}.`);
  const [batch, height, width, channels] = x.shape;
  const outHeight = outputLength(height, kernelHeight, stride, padding);
  const outWidth = outputLength(width, kernelWidth, stride, padding);
  if (outHeight < 1 || outWidth < 1) {
    throw new ShapeError(`A window of ${kernelHeight} x ${kernelWidth} with padding ${padding} does not fit images ${formatShape(x.shape)}.`);
  }
  const lanes = channels % 4 === 0 && columns % 4 === 0 ? 4 : 1;
  const constants = { element: lanes === 4 ? 'vec4<f32>' : 'f32' };
  const pixels = batch * outHeight * outWidth;
  const geometry = {
    height,
    width,
    channels: channels / lanes,
    outHeight,
    outWidth,
    kernelHeight,
    kernelWidth,
    stride,
    padding,
    rowLength: columns / lanes,
  };
  const rows = engine.empty([pixels, columns], 'f32', 'unfolded');
  engine.dispatch({
    shader: 'convolution/unfold',
    constants,
    tensors: { x, rows },
    params: { pixels, ...geometry },
    workgroups: gridFor(pixels * kernelHeight),
    bytes: 4 * (x.size + rows.size),
  });
  engine.record('unfold', [x], [rows], (context) => {
    if (!context.needs(0)) return;
    const count = x.size / lanes;
    engine.dispatch({
      shader: 'convolution/fold',
      constants,
      tensors: { drows: context.gradient(0), dx: context.target(0) },
      params: { count, ...geometry },
      workgroups: gridFor(count),
      flops: rows.size,
      bytes: 4 * (x.size + rows.size),
    });
  });
  return rows;
}
