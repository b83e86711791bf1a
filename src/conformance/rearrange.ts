/** Changes of layout that another framework's tensors need before our kernels take them. */
import { formatShape, ShapeError, sizeOf, type Engine, type Tensor } from '../engine/index.js';
import { gatherRows } from '../kernels/layout/index.js';

/** Views start at multiples of 64 elements; the zero behind the last element takes one. */
const PADDING = 64;

/**
 * y[i] = x[source(i)], each element of x taken at most once; differentiable (an element that is not taken gets 0).
 * @param shape of y
 * @param source flat place in x of each element of y, given its index
 */
function rearrange(engine: Engine, x: Tensor, shape: readonly number[], source: (index: readonly number[]) => number): Tensor {
  const count = sizeOf(shape);
  const index = shape.map(() => 0);
  const forward = new Uint32Array(count);
  const backward = new Uint32Array(x.size).fill(count);
  for (let place = 0; place < count; place++) {
    forward[place] = source(index);
    backward[forward[place]] = place;
    for (let axis = shape.length - 1; axis >= 0 && ++index[axis] === shape[axis]; axis--) index[axis] = 0;
  }
  const take = (from: Tensor, indices: Uint32Array<ArrayBuffer>, to: readonly number[]) =>
    engine.noGrad(() => engine.reshape(gatherRows(engine, engine.reshape(from, [from.size, 1]), engine.tensor(indices, [indices.length])), to));
  const y = take(x, forward, shape);
  engine.record('rearrange', [x], [y], (context) => {
    const padded = engine.zeros([count + PADDING]);
    engine.copy(context.gradient(0), engine.view(padded, 0, shape));
    context.set(0, take(padded, backward, x.shape));
  });
  return y;
}

function expectFour(what: string, x: Tensor, expected: string): void {
  if (x.shape.length !== 4) throw new ShapeError(`${what} has shape ${formatShape(x.shape)}, expected ${expected}.`);
}

/**
 * Images from channels first to channels last, cut at the bottom and right to multiples of `size` pixels, as a
 * convolution of that stride leaves the rest out; differentiable.
 * @param x [B, C, H, W]
 * @returns [B, H', W', C]
 * @throws {ShapeError} when x has not four dimensions, or an image is smaller than a patch
 */
export function channelsLast(engine: Engine, x: Tensor, size: number): Tensor {
  expectFour('The image', x, '[B, C, H, W]');
  const [batch, channels, height, width] = x.shape;
  if (height < size || width < size) throw new ShapeError(`An image of ${height} x ${width} holds no patch of ${size} x ${size}.`);
  const shape = [batch, height - (height % size), width - (width % size), channels];
  return rearrange(engine, x, shape, ([image, row, column, channel]) => ((image * channels + channel) * height + row) * width + column);
}

/**
 * The weight of a patch embedding, from a convolution's layout to that of patches as rows; differentiable.
 * @param weight [N, C, p, p]
 * @returns [N, p·p·C]
 * @throws {ShapeError} when the weight has not four dimensions
 */
export function patchWeight(engine: Engine, weight: Tensor): Tensor {
  expectFour("The patch embedding's weight", weight, '[N, C, p, p]');
  const [outputs, channels, height, width] = weight.shape;
  return engine.reshape(
    rearrange(engine, weight, [outputs, height, width, channels], ([output, row, column, channel]) => ((output * channels + channel) * height + row) * width + column),
    [outputs, height * width * channels],
  );
}
