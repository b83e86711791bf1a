/**
 * Which matrix-product kernel runs where. All variants share one contract (bindings, parameters, flags), so that
 * the choice is only a name, a tile and a few constants.
 */
import type { Engine } from '../../engine/index.js';
import type { HalfMatmulVariant } from './choose-f16.js';

/**
 * The files of shaders/matmul, from the definition up: `matmul_<variant>.wgsl`. blockSmall, block, block96 and blockWide
 * are matmul_block.wgsl with tiles of 64 x 64, 128 x 64, 128 x 96 and 128 x 128; quadTall is matmul_quad.wgsl with tiles of
 * 64 rows instead of 32.
 */
export type MatmulVariant = 'naive' | 'tile' | 'workgroup' | 'register' | 'quad' | 'quadTall' | BlockVariant;

/** Tiles of matmul_block.wgsl and its f16 forms. */
export type BlockVariant = 'blockSmall' | 'block' | 'block96' | 'blockWide';

/** What the choice depends on. */
export interface MatmulDevice {
  /** True for a CPU implementation of WebGPU. */
  readonly software: boolean;
  /** True when the device was opened with the feature `subgroups`. */
  readonly subgroups: boolean;
  /** True when the device was opened with the feature `shader-f16`. */
  readonly f16?: boolean;
  /** True when the device was opened with Dawn's experimental subgroup matrices, and has the workgroup memory for their kernel. */
  readonly matrices?: boolean;
  /** Invocations that a workgroup may have. */
  readonly invocations?: number;
}

/** op(a) op(b) of `problems` pairs; op(a) is [m, k], op(b) [k, n]. */
export interface MatmulProblem {
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly problems: number;
  /** a is stored [k, m]. */
  readonly transposeA: boolean;
  /** b is stored [n, k]. */
  readonly transposeB: boolean;
  /** The sums of op(a)'s rows are wanted too. */
  readonly rowSums: boolean;
  /** a and b are f16; the shaders are `matmul_f16_<variant>` then. */
  readonly half?: boolean;
  /** The inner sum may be split: the epilogue is linear in it (no bias, activation or residual). */
  readonly splittable?: boolean;
}

/** Into how many parts inner sums are split: parts go on until there are `workgroups`, each of `shortest` terms or more. */
export interface MatmulSplitting {
  readonly workgroups: number;
  readonly shortest: number;
}

/**
 * Enough workgroups to keep the device busy, each with an inner sum long enough to pay for its output: few for the
 * 16 queues that SwiftShader deals workgroups to, many for a GPU's compute units; none to compare with.
 */
const SPLITTINGS = { none: { workgroups: 1, shortest: Infinity }, few: { workgroups: 64, shortest: 128 }, many: { workgroups: 256, shortest: 256 } } as const satisfies Record<string, MatmulSplitting>;

/** Constants of matmul_block.wgsl. All widths of `swin-t` are multiples of 96, most of them none of 128. */
const BLOCKS = {
  blockSmall: { ROWS: 64, COLUMNS: 64, THREADS: 64 },
  block: { ROWS: 128, COLUMNS: 64, THREADS: 128 },
  block96: { ROWS: 128, COLUMNS: 96, THREADS: 192 },
  blockWide: { ROWS: 128, COLUMNS: 128, THREADS: 256 },
} as const satisfies Record<BlockVariant, Readonly<Record<string, number>>>;

/** Workgroup memory of matmul_f16_matrix.wgsl. */
const MATRIX_BYTES = 26 * 1024;

/** How a problem is launched. */
export interface MatmulPlan {
  readonly shader: string;
  /** Constants beyond the flags of the contract. */
  readonly constants: Readonly<Record<string, number | boolean>>;
  /** Workgroups in x and y for one output; z counts outputs. */
  readonly grid: readonly [number, number];
  /** Parts of the inner sum, each an output of its own that has to be added up; 1 where splitting is no use. */
  readonly splits: number;
  /** Terms of the inner sum per part. */
  readonly splitLength: number;
}

/** The facts about an engine's device that the choice depends on. */
export function matmulDevice(engine: Engine): MatmulDevice {
  const { features, limits } = engine.device;
  return {
    software: engine.info.software,
    subgroups: features.has('subgroups'),
    f16: features.has('shader-f16'),
    matrices: engine.info.subgroupMatrix !== undefined && features.has('shader-f16') && features.has('subgroups') && limits.maxComputeWorkgroupStorageSize >= MATRIX_BYTES,
    invocations: limits.maxComputeInvocationsPerWorkgroup,
  };
}

/** True when every row that the kernels would read or write as vec4s begins at a multiple of 4 floats. */
export function fitsVectors({ m, n, k, transposeA, transposeB, rowSums }: MatmulProblem): boolean {
  return n % 4 === 0 && (transposeA ? m : k) % 4 === 0 && (transposeB ? k : n) % 4 === 0 && (!rowSums || m % 4 === 0);
}

/** The variants that take a problem on a device. */
export function matmulCandidates(device: MatmulDevice, problem: MatmulProblem): MatmulVariant[] {
  if (!fitsVectors(problem)) return ['naive', 'tile', 'workgroup'];
  return ['naive', 'tile', 'workgroup', 'register', ...(device.subgroups ? (['quad', 'quadTall'] as const) : []), ...blockCandidates(device)];
}

/** The block tiles that a device has enough invocations for. */
export function blockCandidates({ invocations = 128 }: MatmulDevice): BlockVariant[] {
  return (Object.keys(BLOCKS) as BlockVariant[]).filter((block) => BLOCKS[block].THREADS <= invocations);
}

/** How an engine's device splits the inner sums of a problem (see `matmulKey`); the plan is `planMatmul`'s. */
export function matmulSplitting(engine: Engine, problem = ''): MatmulSplitting {
  return SPLITTINGS[engine.choose('matmul-splits', ['none', 'few', 'many'], engine.info.software ? 'few' : 'many', problem)];
}

/**
 * The fastest variant for a problem.
 *
 * Measured 2026-11-23 on SwiftShader (Subzero, 4 lanes) of Chromium 153, Dawn for Node 0.6.2, 2 cores of an AMD EPYC,
 * bounds checks on; GFLOP/s, best of 3 to 7, variants alternating in one process, reckoned from processor time
 * because the machine was shared (512³ and 8192 x 96 x 32 were confirmed by the clock on an idle machine):
 *
 *   m x n x k                naive  workgroup  tile  register  quad
 *   512 x 512 x 512           0.3      1.6      1.7    6.1      8.7
 *   8192 x 96 x 32                              1.4    4.4      5.7
 *   8192 x 128 x 32                                    3.8      5.0
 *   8192 x 32 x 128                                    4.7      6.8
 *   8192 x 192 x 64                                    4.9      6.6
 *   8192 x 64 x 256                                    6.1      7.7
 *   96 x 32 x 8192, 22 splits                          4.6      6.8
 *   256 x 64 x 8192, 4 splits                          5.8      8.7
 *   24 of 64 x 64 x 128                                3.7      5.0
 *
 * The same day, the clock of an otherwise idle machine, GFLOP/s, best of 5 in turns:
 *
 *   m x n x k                register  quad  blockSmall  block  blockWide
 *   256 x 256 x 256            4.6      6.9     1.1       1.3      1.5
 *   1024 x 1024 x 1024         4.8      7.8     2.7       2.3      2.3
 *   8192 x 128 x 32            2.6      3.2     1.0       0.9      0.7
 *   96 x 288 x 12544, splits   5.3      7.2     1.7       1.5      1.2
 *
 * `quadTall` against `quad`, SwiftShader 5.0.0 (software, 2 cores), 2026-11-24, medians of 9 to 11 ratios in turns on a busy
 * machine: 16384 x 96 x 32 1.08, 4096 x 128 x 64 with GELU 1.10, 16384 x 32 x 96 1.12, 4096 x 64 x 128 1.04, 64 x 64 x 4096
 * (16 splits) 1.10. It compiles twice as long, 0.3 s more.
 *
 * No GPU was at hand: there the staged blocks are chosen by design, not by measurement, the 64 x 64 tile of single
 * loads where sizes are no vectors, and results that are too small to fill any of them go to the 4 x 4 tile.
 */
export function chooseMatmul(device: MatmulDevice, problem: MatmulProblem): MatmulVariant {
  if (device.software) {
    if (!fitsVectors(problem)) return 'tile';
    if (!device.subgroups) return 'register';
    return isLarge(problem) ? 'quadTall' : 'quad';
  }
  if (problem.m < 16 || problem.n < 16) return 'tile';
  return fitsVectors(problem) ? chooseBlock(device, problem) : 'workgroup';
}

/** Multiply-adds from which a software adapter soon wins back the time that `quadTall` takes to compile. */
const LARGE = 2 ** 24;

/** True where tiles of 64 rows pay: there is much to do, and little of it beyond the last row. */
function isLarge({ m, n, k, problems }: MatmulProblem): boolean {
  return m * n * k * problems >= LARGE && Math.ceil(m / 64) * 64 <= 1.0625 * m;
}

/** Workgroups that keep a GPU busy: about two for each of its hundred or so compute units. */
const BUSY = 256;

/** Multiply-adds that a value costs which a tile reads: 1 / ROWS + 1 / COLUMNS of them are read per multiply-add. */
const READ_COST = 8;

/**
 * The block tile that costs least of those that give a GPU enough workgroups, with the inner sum in as many parts as it
 * can be, 'blockSmall' where none does: tiles that reach beyond the result multiply for nothing, small ones read more
 * memory per multiply-add.
 * Chosen by design; no GPU was at hand to measure.
 */
export function chooseBlock(device: MatmulDevice, { m, n, k, problems, splittable }: MatmulProblem): BlockVariant {
  const parts = splittable ? Math.max(1, Math.floor(k / SPLITTINGS.many.shortest)) : 1;
  const costs = blockCandidates(device).map((block) => {
    const { ROWS, COLUMNS } = BLOCKS[block];
    const tiles = Math.ceil(m / ROWS) * Math.ceil(n / COLUMNS) * problems;
    const cost = tiles * parts < BUSY ? Infinity : tiles * ROWS * COLUMNS * (1 + READ_COST / ROWS + READ_COST / COLUMNS);
    return { block, cost };
  });
  return costs.reduce((best, other) => (other.cost < best.cost ? other : best)).block;
}

/** A file, rows and columns of the result per workgroup, and the constants that set them. */
interface Tiling {
  readonly file: string;
  readonly rows: number;
  readonly columns: number;
  readonly constants: MatmulPlan['constants'];
  /** Tiles of rows are counted in x, not in y. */
  readonly rowsInX: boolean;
}

function tiling(variant: MatmulVariant | HalfMatmulVariant, { n, k }: MatmulProblem): Tiling {
  const plain = { file: variant, constants: {}, rowsInX: false };
  if (variant === 'naive') return { ...plain, rows: 8, columns: 8 };
  if (variant === 'tile') return { ...plain, rows: 32, columns: 32 };
  if (variant === 'workgroup') return { ...plain, rows: 64, columns: 64 };
  if (variant === 'native') return { ...plain, rows: BLOCKS.block.ROWS, columns: BLOCKS.block.COLUMNS, constants: BLOCKS.block };
  if (variant === 'matrix') return { ...plain, rows: 64, columns: 64 };
  if (variant in BLOCKS) {
    const constants = BLOCKS[variant as BlockVariant];
    return { file: 'block', rows: constants.ROWS, columns: constants.COLUMNS, constants, rowsInX: false };
  }
  const WIDE = n > 16;
  const flags = { WIDE, TAIL: k % 4 !== 0 };
  const columns = WIDE ? 32 : 16;
  if (variant === 'quadTall') return { file: 'quad', rows: 64, columns, constants: { ...flags, TALL: true }, rowsInX: true };
  return { file: variant, rows: 32, columns, constants: flags, rowsInX: true };
}

/** Geometry of one launch. */
export function planMatmul(variant: MatmulVariant | HalfMatmulVariant, splitting: MatmulSplitting, problem: MatmulProblem): MatmulPlan {
  const { file, rows, columns, constants, rowsInX } = tiling(variant, problem);
  const down = Math.ceil(problem.m / rows);
  const across = Math.ceil(problem.n / columns);
  const most = problem.splittable ? Math.max(1, Math.floor(problem.k / splitting.shortest)) : 1;
  const parts = Math.min(most, Math.ceil(splitting.workgroups / (down * across * problem.problems)));
  const splitLength = Math.ceil(problem.k / parts / 4) * 4;
  return {
    shader: `matmul/matmul_${problem.half ? 'f16_' : ''}${file}`,
    constants,
    grid: rowsInX ? [down, across] : [across, down],
    splits: Math.ceil(problem.k / splitLength),
    splitLength,
  };
}
