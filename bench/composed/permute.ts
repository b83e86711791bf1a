/** Rearrangements that the composed rivals need and the engine itself does not: exchanged dimensions, cyclic shifts. */
import { sizeOf, type Engine, type Tensor } from '../../src/engine/index.js';
import { elementWidth, itemLaunch } from '../../src/kernels/elementwise/index.js';

const MAX_DIMENSIONS = 6;

/** One launch of bench/permute: the dense side has `shape`, the other side the given strides in floats. */
export interface Rearrangement {
  readonly shape: readonly number[];
  readonly strides: readonly number[];
  /** Floats before the other side's first element. */
  readonly offset: number;
}

/** Reads the other side into the dense one, or with `inverse` writes the dense side into the other one. */
export function rearrange(engine: Engine, { shape, strides, offset }: Rearrangement, x: Tensor, y: Tensor, inverse: boolean): void {
  const last = shape[shape.length - 1];
  const { width, constants } = elementWidth(last, offset, ...strides.slice(0, -1));
  const missing = MAX_DIMENSIONS - shape.length;
  const sizes = [...new Array<number>(missing).fill(1), ...shape.slice(0, -1), last / width];
  const steps = [...new Array<number>(missing).fill(0), ...strides.slice(0, -1).map((stride) => stride / width), 1];
  const count = sizeOf(sizes);
  const launch = itemLaunch(engine, count);
  const [, n1, n2, n3, n4, n5] = sizes;
  const [s0, s1, s2, s3, s4, s5] = steps;
  engine.dispatch({
    shader: 'bench/permute',
    constants: { ...launch.constants, ...constants, INVERSE: inverse },
    tensors: { x, y },
    params: { count, offset: offset / width, n1, n2, n3, n4, n5, s0, s1, s2, s3, s4, s5 },
    workgroups: launch.workgroups,
    bytes: 8 * sizeOf(shape),
  });
}

function shiftMap(engine: Engine, x: Tensor, down: number, right: number, y: Tensor): void {
  const [, height, width, channels] = x.shape;
  const { width: floats, constants } = elementWidth(channels);
  const launch = itemLaunch(engine, x.size / floats);
  engine.dispatch({
    shader: 'bench/roll',
    constants: { ...launch.constants, ...constants },
    tensors: { x, y },
    params: { count: x.size / floats, height, width, channels: channels / floats, down: (down + height) % height, right: (right + width) % width },
    workgroups: launch.workgroups,
    bytes: 8 * x.size,
  });
}

/**
 * Cyclic shift, y[b, r, c] = x[b, (r + shift) mod H, (c + shift) mod W]; differentiable.
 * @param x [B, H, W, C]
 * @param shift in tokens, negative to shift back; smaller than H and W
 */
export function roll(engine: Engine, x: Tensor, shift: number): Tensor {
  const y = engine.empty(x.shape);
  shiftMap(engine, x, shift, shift, y);
  engine.record('roll', [x], [y], (context) => {
    if (context.needs(0)) shiftMap(engine, context.gradient(0), -shift, -shift, context.target(0));
  });
  return y;
}
