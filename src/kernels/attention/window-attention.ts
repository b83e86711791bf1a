import { gridFor, type Engine, type Tensor } from '../../engine/index.js';
import { castInto, inSingle } from '../elementwise/index.js';
import { columnSum } from '../reduction/index.js';
import { chooseKernel } from './choose.js';
import { windowGeometry, type WindowAttentionOptions, type WindowGeometry } from './geometry.js';

/**
 * Workgroups that the backward pass aims for: enough to fill the device, while windows are grouped so that the
 * table's partial sums stay few.
 */
const BACKWARD_WORKGROUPS = { direct: 32, shared: 1024, rows: 2048, quad: 64 };

function sharedParams(geometry: WindowGeometry): Record<string, number> {
  const { heads, height, width, windowsY, windowsX, shiftY, shiftX, headDim } = geometry;
  return {
    heads,
    height,
    width,
    windows_y: windowsY,
    windows_x: windowsX,
    shift_y: shiftY,
    shift_x: shiftX,
    scale: 1 / Math.sqrt(headDim),
  };
}

/** Floating-point operations of one N x N x d product over all windows and heads. */
function productFlops({ batch, windowsY, windowsX, windowSize, channels }: WindowGeometry): number {
  return 2 * batch * windowsY * windowsX * windowSize ** 4 * channels;
}

/** Bytes of the tensors that a pass must read or write once, in the dtype in which its caller holds them. */
const bytesOf = (tensors: readonly Tensor[]): number => tensors.reduce((sum, { byteLength }) => sum + byteLength, 0);

interface BackwardTensors {
  qkv: Tensor;
  pad: Tensor;
  table: Tensor;
  y: Tensor;
  dy: Tensor;
  lse: Tensor;
  dqkv: Tensor;
  dpad: Tensor;
}

/**
 * Launches the backward kernel; returns the table gradient's partial sums [groups, entries · heads].
 * @param bytes that the op must move, see `bytesOf`
 */
function dispatchBackward(engine: Engine, geometry: WindowGeometry, tensors: BackwardTensors, bytes: number): Tensor {
  const { batch, heads, windowsY, windowsX, paddingTokens } = geometry;
  const windows = batch * windowsY * windowsX;
  const { shader, constants, kind, itemsPerWorkgroup } = chooseKernel(engine, geometry, 'backward');
  const wanted = BACKWARD_WORKGROUPS[kind] * itemsPerWorkgroup;
  const windowsPerGroup = Math.max(1, Math.floor((windows * heads) / wanted));
  const groups = Math.ceil(windows / windowsPerGroup);
  const partial = engine.empty([groups, tensors.table.size]);
  const { qkv, pad, table, y, dy, lse, dqkv, dpad } = tensors;
  const unpadded = kind === 'quad' || kind === 'rows';
  engine.dispatch({
    shader,
    constants,
    tensors: unpadded ? { qkv, table, y: inSingle(engine, y), dy, lse, dqkv, partial } : { qkv, pad, table, dy, lse, dqkv, dpad, partial },
    params: {
      ...sharedParams(geometry),
      images: batch,
      windows_per_group: windowsPerGroup,
      groups,
      ...(unpadded ? {} : { padding_tokens: paddingTokens }),
    },
    workgroups: gridFor(groups * heads, itemsPerWorkgroup),
    flops: 5 * productFlops(geometry),
    bytes,
  });
  return partial;
}

/**
 * Shifted-window multi-head self-attention of a Swin block, between the qkv and the output projection; differentiable
 * in qkv, the table and padQkv. Per window and head, y = softmax(q kᵀ / √d + bias + mask) v, where
 * bias = table[(Δy + w − 1)(2w − 1) + Δx + w − 1] (Δ = query − key) and mask = −100 between tokens of different
 * regions of the cyclic shift (Liu et al. 2021, arXiv 2103.14030; padding and per-axis shift as in torchvision).
 * A map that is no multiple of the window is padded at the bottom and right before it is rolled, and cropped after.
 * @param qkv [B, H, W, 3C], in the order q | k | v, each [heads, C / heads]; f32, or f16: then so is the result, and only
 *   f16 is kept for the backward pass: the kernels get f32 copies that nothing keeps
 * @param table [(2w − 1)², heads]
 * @returns [B, H, W, C]
 * @throws {ShapeError} when shapes and options do not fit each other
 */
export function windowAttention(engine: Engine, qkv: Tensor, table: Tensor, options: WindowAttentionOptions): Tensor {
  const geometry = windowGeometry(qkv, table, options);
  const { batch, height, width, channels, heads, windowsY, windowsX, paddingTokens } = geometry;
  const padded = paddingTokens > 0;
  // A binding that the kernel never reads when there is no padding still needs some tensor.
  const pad = padded ? (options.padQkv ?? engine.zeros([3 * channels])) : table;
  const inputs = padded && options.padQkv ? [qkv, table, options.padQkv] : [qkv, table];
  const y = engine.empty([batch, height, width, channels]);
  const result = qkv.dtype === 'f16' ? engine.empty(y.shape, 'f16', 'f16 copy') : y;
  const lse = engine.empty([batch, heads, height, width]);
  const { shader, constants, kind, itemsPerWorkgroup, itemsPerPair } = chooseKernel(engine, geometry, 'forward');
  const pairs = batch * windowsY * windowsX * heads;
  engine.dispatch({
    shader,
    constants,
    tensors: { qkv: inSingle(engine, qkv), ...(kind === 'quad' || kind === 'rows' ? {} : { pad }), table, y, lse },
    params: { ...sharedParams(geometry), pairs },
    workgroups: gridFor(pairs * itemsPerPair, itemsPerWorkgroup),
    flops: 2 * productFlops(geometry),
    bytes: bytesOf([qkv, table, ...(inputs.length > 2 ? [pad] : []), result, lse]),
  });
  if (result !== y) castInto(engine, y, result, { counts: false });
  engine.record('windowAttention', inputs, [result], (context) => {
    const dqkv = context.needs(0) ? context.target(0, 'f32') : engine.empty(qkv.shape);
    const dpad = engine.empty(padded ? [batch, paddingTokens, 3 * channels] : [4]);
    const gradient = context.gradient(0);
    // Each input with its gradient; y is not needed beside lse, and the kernels that read it gain time by it.
    const bytes = bytesOf([...inputs, ...inputs, gradient, lse]);
    const partial = dispatchBackward(engine, geometry, { qkv: inSingle(engine, qkv), pad, table, y: result, dy: inSingle(engine, gradient), lse, dqkv, dpad }, bytes);
    if (context.needs(1)) columnSum(engine, partial, context.target(1), { own: true });
    if (inputs.length > 2 && context.needs(2)) columnSum(engine, dpad, context.target(2), { own: true });
  });
  return result;
}
