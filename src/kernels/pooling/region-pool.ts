import { formatShape, gridFor, ShapeError, type Engine, type Tensor } from '../../engine/index.js';
import { problemKey } from '../problem-key.js';
import { mapsGradient } from './maps-gradient.js';

/** Channels of one workgroup of pooling/region_pool. */
const CHANNELS = 32;
/** Channels that one invocation of the features' gradient is apart from its next; 4 of them make a tile. */
const CHANNEL_LANES = 8;
/** Invocations of a workgroup of pooling/region_pool_direct. */
const DIRECT_INVOCATIONS = 16;
/** Channels of a workgroup of the kernels that end in _quad, and groups of 4 positions of one of the features' gradient. */
const QUAD_CHANNELS = 16;
const QUAD_SPAN = 16;
/** Regions that a tile holds at most, in fours. */
const MOST_FOURS = 3;
/** Workgroups per dimension that every device allows: images are the third one. */
const MAX_IMAGES = 65535;

/** What {@link regionPool} gives, in f32; one row per region of each image. */
export interface RegionPool {
  /** [B, R, C]: each region's mean feature, weighted by its map. */
  readonly pooled: Tensor;
  /** [B, R]: sum of each map; 0 marks a region that is not there. Not differentiable. */
  readonly mass: Tensor;
}

/**
 * One feature per soft attention map: y_r = Σ_p m_r(p) x(p) / max(Σ_p m_r(p), ε); differentiable in x and the masks.
 * An all-zero map gives 0, and its masks get no gradient.
 * @param x [B, H, W, C] features
 * @param masks [B, R, H, W], not negative
 * @param epsilon smallest sum that is divided by
 * @throws {ShapeError} when the shapes do not fit each other, or there are more than 65,535 images
 */
export function regionPool(engine: Engine, x: Tensor, masks: Tensor, epsilon = 1e-6): RegionPool {
  if (x.shape.length !== 4) throw new ShapeError(`regionPool: x has shape ${formatShape(x.shape)}, expected [B, H, W, C].`);
  const [batch, height, width, channels] = x.shape;
  const [maskBatch, regions, maskHeight, maskWidth] = masks.shape;
  if (masks.shape.length !== 4 || maskBatch !== batch || maskHeight !== height || maskWidth !== width) {
    throw new ShapeError(
      `regionPool: the masks have shape ${formatShape(masks.shape)}, expected [${batch}, R, ${height}, ${width}] as for x ${formatShape(x.shape)}.`,
    );
  }
  if (batch > MAX_IMAGES) throw new ShapeError(`regionPool: ${batch} images are more than ${MAX_IMAGES}.`);
  const positions = height * width;
  const params = { positions, channels, regions, epsilon };
  const flops = 2 * batch * regions * positions * channels;
  const pooled = engine.empty([batch, regions, channels]);
  const mass = engine.empty([batch, regions]);
  const fours = Math.ceil(regions / 4);
  const tiles = Math.ceil(fours / MOST_FOURS);
  const FOURS = Math.ceil(fours / tiles);
  const tensors = { x, m: masks, y: pooled, mass };
  const bytes = 4 * (x.size + masks.size + pooled.size);
  const problem = problemKey({ b: batch, h: height, w: width, c: channels, r: regions });
  const vectors = channels % 4 === 0 && positions % 4 === 0 && engine.device.features.has('subgroups');
  const quadTiles = batch * Math.ceil(channels / QUAD_CHANNELS);
  const software = engine.info.software;
  const variant = engine.choose('region-pool', ['shared', 'direct', ...(vectors ? (['quad'] as const) : [])], software ? (vectors ? 'quad' : 'direct') : 'shared', problem);
  if (variant === 'quad') {
    engine.dispatch({ shader: 'pooling/region_pool_quad', constants: { FOURS }, tensors, params: { ...params, images: batch }, workgroups: gridFor(quadTiles * tiles, 1), flops, bytes });
  } else if (variant === 'direct') {
    const workgroups = gridFor(batch * fours * Math.ceil(channels / 4), DIRECT_INVOCATIONS);
    engine.dispatch({ shader: 'pooling/region_pool_direct', tensors, params: { ...params, images: batch }, workgroups, flops, bytes });
  } else {
    const workgroups = [Math.ceil(channels / CHANNELS), tiles, batch] as const;
    engine.dispatch({ shader: 'pooling/region_pool', constants: { FOURS }, tensors, params, workgroups, flops, bytes });
  }
  engine.record('regionPool', [x, masks], [pooled], (context) => {
    const dy = context.gradient(0);
    if (context.needs(0)) {
      const given = { dy, m: masks, mass, dx: context.target(0) };
      const moved = 4 * (x.size + masks.size + dy.size);
      const inQuads = vectors && tiles === 1;
      const byRule = software && inQuads ? 'quad' : 'direct';
      if (engine.choose('region-pool-backward', ['direct', ...(inQuads ? (['quad'] as const) : [])], byRule, problem) === 'quad') {
        engine.dispatch({
          shader: 'pooling/region_pool_features_backward_quad',
          tensors: given,
          constants: { FOURS },
          params: { ...params, images: batch, span: QUAD_SPAN },
          workgroups: gridFor(quadTiles * Math.ceil(positions / (4 * QUAD_SPAN)), 1),
          flops,
          bytes: moved,
        });
      } else {
        engine.dispatch({
          shader: 'pooling/region_pool_features_backward',
          tensors: given,
          constants: { CHANNEL_LANES },
          params: { ...params, images: batch },
          workgroups: gridFor(batch * Math.ceil(positions / 4) * Math.ceil(channels / (4 * CHANNEL_LANES)) * CHANNEL_LANES),
          flops,
          bytes: moved,
        });
      }
    }
    if (context.needs(1)) {
      mapsGradient(engine, { x, y: pooled, dy, mass, dm: context.target(1), epsilon, tiles, fours: FOURS, problem });
    }
  });
  return { pooled, mass };
}
