import { SUBGROUP_MATRIX } from '../engine/index.js';

/**
 * Every kernel family that comes in variants. Kernel modules ask `engine.choose(family, candidates, byRule)`; this
 * list says what there is to choose from, so that `zygo verify` can name variants that a device does not offer.
 */
export interface VariantFamily {
  /** The variant that the others are compared with; it needs no optional feature. */
  readonly base: string;
  /** Every variant, with the optional features of WebGPU that it needs. */
  readonly variants: Readonly<Record<string, readonly GPUFeatureName[]>>;
  /** Invocations per workgroup of variants that need more than the 128 that every device has. */
  readonly invocations?: Readonly<Record<string, number>>;
}

/** Families by the name that is given to `engine.choose`. */
export const VARIANT_FAMILIES: Readonly<Record<string, VariantFamily>> = {
  /** Items (elements, or vec4 of elements) per thread of elementwise and layout kernels: 4 or 16. */
  items: { base: 'few', variants: { few: [], many: [] } },
  /** How many threads of a row kernel share a row. */
  rows: { base: 'thread', variants: { thread: [], lanes8: [], lanes16: [], lanes32: [] } },
  /** Rows read several times, or once into the registers of a workgroup's lanes, or of the four lanes of a quad. */
  'layer-norm': { base: 'reread', variants: { reread: [], kept: [], quad: ['subgroups'] } },
  /** As layer-norm's. */
  softmax: { base: 'reread', variants: { reread: [], kept: [], quad: ['subgroups'] } },
  /** Batch norm of few rows: a thread goes through a column, or the rows of 16 columns stay in a workgroup's registers. */
  'batch-norm': { base: 'columns', variants: { columns: [], kept: [] } },
  /** Into how many shares sums over rows are cut. */
  'column-shares': { base: 'few', variants: { few: [], many: [] } },
  /** Threads that add up the shares of a column: 1 or 16. */
  'column-finish': { base: 'serial', variants: { serial: [], slices: [] } },
  /** The files of shaders/matmul. */
  matmul: { base: 'naive', variants: { naive: [], tile: [], workgroup: [], register: [], quad: ['subgroups'], quadTall: ['subgroups'], blockSmall: [], block: [], block96: [], blockWide: [] }, invocations: { block96: 192, blockWide: 256 } },
  /** The files of shaders/matmul for f16 operands, `matmul_f16_<variant>`. */
  'matmul-f16': { base: 'tile', variants: { tile: [], register: [], blockSmall: [], block: [], block96: [], blockWide: [], native: ['shader-f16'], matrix: ['shader-f16', 'subgroups', SUBGROUP_MATRIX as GPUFeatureName] }, invocations: { block96: 192, blockWide: 256 } },
  /** Into how many parts long inner sums of matrix products are cut. */
  'matmul-splits': { base: 'none', variants: { none: [], few: [], many: [] } },
  /** One thread or one workgroup per image and side. */
  'relation-marginals': { base: 'serial', variants: { serial: [], workgroup: [] } },
  /** Pixels per thread: 4 or 16. */
  'augment-images': { base: 'few', variants: { few: [], many: [] } },
  /**
   * One problem per workgroup, per thread, per 2 to 8 lanes, per workgroup with the matrix in registers, per group of four
   * threads, or all problems spread over the device in launches.
   */
  sinkhorn: { base: 'workgroup', variants: { workgroup: [], thread: [], lanes: [], grid: [], simd: [], tiled: [] } },
  /** Threads per row and per tile of columns of the launches for large transport problems. */
  'sinkhorn-tiles': { base: 'wide', variants: { wide: [], narrow: [] } },
  /**
   * With scores in workgroup memory; with keys and values there and a thread per query; with each thread on its own; or
   * with loads shared by four neighbouring lanes.
   */
  'attention-forward': { base: 'shared', variants: { shared: [], rows: [], direct: [], quad: ['subgroups'] } },
  'attention-backward': { base: 'shared', variants: { shared: [], rows: [], direct: [], quad: ['subgroups'] } },
  /** Positions dealt to a workgroup's slices, whole to each thread, or with the maps' loads shared by four lanes. */
  'region-pool': { base: 'shared', variants: { shared: [], direct: [], quad: ['subgroups'] } },
  /** The gradient of the features. */
  'region-pool-backward': { base: 'direct', variants: { direct: [], quad: ['subgroups'] } },
  /** The gradient of the maps: x read for every four regions, or once with all regions in registers of eight lanes or of a quad. */
  'region-pool-maps': { base: 'direct', variants: { direct: [], lanes: [], quad: ['subgroups'] } },
};
