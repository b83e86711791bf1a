import { ShapeError, formatShape, type Engine, type Tensor } from '../../engine/index.js';
import { elementWidth, itemLaunch } from '../elementwise/geometry.js';

function mapShape(what: string, x: Tensor): [batch: number, height: number, width: number, channels: number] {
  if (x.shape.length !== 4) throw new ShapeError(`${what}: x has shape ${formatShape(x.shape)}, expected [B, H, W, C].`);
  const [batch, height, width, channels] = x.shape;
  return [batch, height, width, channels];
}

/**
 * Gather of Swin's patch merging: each 2 × 2 block becomes one position, channels in the order (row, column) =
 * (0,0), (1,0), (0,1), (1,1) as in microsoft/Swin-Transformer; odd maps are padded with zeros at the bottom and
 * right. Differentiable. LayerNorm(4C) and Linear(4C → 2C) follow in the model.
 * @param x [B, H, W, C]
 * @returns [B, ⌈H/2⌉, ⌈W/2⌉, 4C]
 * @throws {ShapeError} when x does not have four dimensions
 */
export function patchMerge(engine: Engine, x: Tensor): Tensor {
  const [batch, height, width, channels] = mapShape('patchMerge', x);
  const { width: floats, constants } = elementWidth(channels);
  const params = { batch, height, width, channels: channels / floats };
  const y = engine.empty([batch, Math.ceil(height / 2), Math.ceil(width / 2), 4 * channels]);
  const launchOf = (size: number) => {
    const launch = itemLaunch(engine, size / floats);
    return { constants: { ...launch.constants, ...constants }, params, workgroups: launch.workgroups, bytes: 8 * size };
  };
  engine.dispatch({ shader: 'layout/patch_merge', tensors: { x, y }, ...launchOf(y.size) });
  engine.record('patchMerge', [x], [y], (context) => {
    if (!context.needs(0)) return;
    engine.dispatch({ shader: 'layout/patch_merge_backward', tensors: { dy: context.gradient(0), dx: context.target(0) }, ...launchOf(x.size) });
  });
  return y;
}

/**
 * Cuts a map into square patches; differentiable. A linear layer on the result is a convolution with kernel and
 * stride `size`, its weight laid out as (row, column, channel).
 * @param x [B, H, W, C]
 * @returns [B, H/size, W/size, size·size·C]
 * @throws {ShapeError} when H or W is no multiple of `size`
 */
export function patchify(engine: Engine, x: Tensor, size: number): Tensor {
  const [batch, height, width, channels] = mapShape('patchify', x);
  if (height % size !== 0 || width % size !== 0) {
    throw new ShapeError(`patchify: a ${height} x ${width} map cannot be cut into ${size} x ${size} patches; expected multiples of ${size}.`);
  }
  const { width: floats, constants } = elementWidth(channels);
  const y = engine.empty([batch, height / size, width / size, size * size * channels]);
  const launch = itemLaunch(engine, x.size / floats);
  const run = (inverse: boolean, from: Tensor, to: Tensor) =>
    engine.dispatch({
      shader: 'layout/patchify',
      constants: { ...launch.constants, ...constants, INVERSE: inverse },
      tensors: { x: from, y: to },
      params: { batch, height, width, channels: channels / floats, size },
      workgroups: launch.workgroups,
      bytes: 8 * x.size,
    });
  run(false, x, y);
  engine.record('patchify', [x], [y], (context) => {
    if (context.needs(0)) run(true, context.gradient(0), context.target(0));
  });
  return y;
}

/**
 * Gather of Swin's 4 × 4 patch embedding (the linear layer follows in the model); differentiable.
 * @param image [B, H, W, 3]
 * @returns [B, H/4, W/4, 48]
 * @throws {ShapeError} when H or W is no multiple of 4
 */
export function patchEmbed(engine: Engine, image: Tensor): Tensor {
  return patchify(engine, image, 4);
}
