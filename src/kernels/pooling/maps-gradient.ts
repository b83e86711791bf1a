import { gridFor, type Engine, type Tensor } from '../../engine/index.js';

/** Positions of a workgroup of the kernels that read x once. */
const QUAD_POSITIONS = 16;
const LANES_POSITIONS = 32;

/** A pooling and where its gradient goes; letters as in regionPool. */
interface MapsGradient {
  /** [B, H, W, C] */
  readonly x: Tensor;
  /** [B, R, C], the pooled features, and dL/dy */
  readonly y: Tensor;
  readonly dy: Tensor;
  /** [B, R] */
  readonly mass: Tensor;
  /** [B, R, H, W], written */
  readonly dm: Tensor;
  /** Divisors that are not smaller than this are the masses themselves. */
  readonly epsilon: number;
  /** Tiles that the regions of an image are cut into, and the fours of regions in each of them. */
  readonly tiles: number;
  readonly fours: number;
  /** What the engine's choices go by. */
  readonly problem: string;
}

/** The gradient of region pooling's maps: Σ_c (x − y) dL/dy / max(mass, ε), 0 where the mass is 0. One launch. */
export function mapsGradient(engine: Engine, { x, y, dy, mass, dm, epsilon, tiles, fours, problem }: MapsGradient): void {
  const [images, height, width, channels] = x.shape;
  const regions = y.shape[1];
  const positions = height * width;
  const { software } = engine.info;
  const vectors = channels % 4 === 0;
  const quads = vectors && positions % 4 === 0 && engine.device.features.has('subgroups');
  const variant = engine.choose(
    'region-pool-maps',
    ['direct', ...(vectors ? (['lanes'] as const) : []), ...(quads ? (['quad'] as const) : [])],
    software ? (quads ? 'quad' : 'direct') : vectors ? 'lanes' : 'direct',
    problem,
  );
  const launch = {
    tensors: { x, y, dy, mass, dm },
    params: { images, positions, channels, regions, epsilon },
    flops: 2 * dm.size * channels,
    bytes: 4 * (x.size + 2 * dy.size + dm.size),
  };
  if (variant === 'direct') {
    const workgroups = gridFor(images * Math.ceil(regions / 4) * Math.ceil(positions / 4));
    engine.dispatch({ ...launch, shader: 'pooling/region_pool_masks_backward', workgroups });
  } else {
    const workgroups = gridFor(images * tiles * Math.ceil(positions / (variant === 'quad' ? QUAD_POSITIONS : LANES_POSITIONS)), 1);
    engine.dispatch({ ...launch, shader: `pooling/region_pool_masks_backward_${variant}`, constants: { FOURS: fours }, workgroups });
  }
}
