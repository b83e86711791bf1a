/** How many workgroups share a multiprocessor of an NVIDIA GPU, by CUDA's own rules of allocation. */

/** What a multiprocessor has ("CUDA C++ Programming Guide", technical specifications per compute capability). */
interface Multiprocessor {
  readonly warps: number;
  readonly workgroups: number;
  readonly sharedBytes: number;
}

const REGISTERS = 65536;
const WARP = 32;
/** Registers are dealt to whole warps, 256 at a time, and warps to four equal parts of the multiprocessor. */
const REGISTER_UNIT = 256;
const PARTS = 4;
/** Shared memory is dealt 128 bytes at a time, and CUDA keeps 1 KiB of each workgroup's to itself. */
const SHARED_UNIT = 128;
const SHARED_RESERVED = 1024;

/** Multiprocessors by the name that `nvcc -arch` takes. */
export const MULTIPROCESSORS = {
  sm_80: { warps: 64, workgroups: 32, sharedBytes: 164 * 1024 },
  sm_86: { warps: 48, workgroups: 16, sharedBytes: 100 * 1024 },
  sm_89: { warps: 48, workgroups: 24, sharedBytes: 100 * 1024 },
  sm_90: { warps: 64, workgroups: 32, sharedBytes: 228 * 1024 },
} as const satisfies Record<string, Multiprocessor>;

/** An architecture whose multiprocessor is known here. */
export type Architecture = keyof typeof MULTIPROCESSORS;

/** What one workgroup takes. */
export interface WorkgroupNeeds {
  readonly threads: number;
  /** Per thread. */
  readonly registers: number;
  readonly sharedBytes: number;
}

/** How full a multiprocessor gets. */
export interface Occupancy {
  /** Workgroups that are resident together. */
  readonly workgroups: number;
  /** Their warps, as a share of those that the multiprocessor has room for. */
  readonly share: number;
  /** What runs out first. */
  readonly limit: 'registers' | 'shared memory' | 'workgroups' | 'threads';
}

const upTo = (value: number, unit: number): number => Math.ceil(value / unit) * unit;

/** Resident workgroups of one kernel on an otherwise idle multiprocessor. */
export function occupancyOf(architecture: Architecture, { threads, registers, sharedBytes }: WorkgroupNeeds): Occupancy {
  const has = MULTIPROCESSORS[architecture];
  const warps = Math.ceil(threads / WARP);
  const warpsByRegisters = Math.floor(REGISTERS / PARTS / upTo(registers * WARP, REGISTER_UNIT)) * PARTS;
  const limits = [
    ['threads', Math.floor(has.warps / warps)],
    ['workgroups', has.workgroups],
    ['registers', Math.floor(warpsByRegisters / warps)],
    ['shared memory', Math.floor(has.sharedBytes / upTo(sharedBytes + SHARED_RESERVED, SHARED_UNIT))],
  ] as const;
  const [limit, workgroups] = limits.reduce((least, each) => (each[1] < least[1] ? each : least));
  return { workgroups, share: (workgroups * warps) / has.warps, limit };
}
