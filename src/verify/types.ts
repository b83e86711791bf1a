/** What `zygo verify`, the tests of kernel variants and limits and the race detection share: cases with known answers. */
import type { Engine, Tensor, TypedArray } from '../engine/index.js';

/** What the float64 reference says about one output. */
export interface Expected {
  /** Values of the output, or of the places `at` in it. */
  readonly values: ArrayLike<number>;
  /** Places that `values` belong to; the whole output when left out. */
  readonly at?: readonly number[];
  /** The inner product of the whole output with `weights` must be `value`: it sees every element where `at` sees a few. */
  readonly projection?: { readonly weights: ArrayLike<number>; readonly value: number };
  /**
   * The inner product of every row of `weights.length` elements with `weights` must be the row's number in `values`: sees
   * every element, and a single wrong one better than `projection` does, since only the others of its row hide it.
   */
  readonly rowProjection?: { readonly weights: ArrayLike<number>; readonly values: ArrayLike<number> };
  /** Largest error allowed, relative to the largest magnitude in the output. */
  readonly tolerance: number;
}

/** One op on fixed inputs, forward and, where it has one, backward. */
export interface VerifyCase {
  /** The kernel function, for example "layerNorm". */
  readonly op: string;
  /** Shapes and options in short, for example "[130, 36]". */
  readonly name: string;
  /**
   * Launches the op inside the caller's scope, with whatever variants the engine is told to use.
   * @returns outputs by name: "y", "d/d x", ...
   */
  run(engine: Engine): Readonly<Record<string, Tensor>> | Promise<Readonly<Record<string, Tensor | TypedArray>>>;
  /** The same outputs in float64. Slow: ask once. */
  reference(): Readonly<Record<string, Expected>>;
  /** Families whose variants are run one by one; all that the op asks for when left out. */
  readonly vary?: readonly string[];
  /** Shader files that the case runs in render pipelines, which the engine does not see. */
  readonly renders?: readonly string[];
}

/** Largest relative error of an op in f32 arithmetic of short sums, against float64. */
export const FORWARD_TOLERANCE = 2e-5;
/** The same for gradients, where two or three such ops follow each other. */
export const GRADIENT_TOLERANCE = 1e-4;
