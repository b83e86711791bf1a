/** What stands above the table: everything a bug report has to say about the machine. */
import { createRequire } from 'node:module';
import { release } from 'node:os';
import type { Engine } from '../../engine/index.js';
import { gitCommit, zygoVersion } from '../version.js';

/** Limits that kernels are bound by. */
const LIMITS = [
  'maxComputeInvocationsPerWorkgroup',
  'maxComputeWorkgroupStorageSize',
  'maxStorageBuffersPerShaderStage',
  'maxComputeWorkgroupsPerDimension',
  'maxStorageBufferBindingSize',
  'maxBufferSize',
] as const satisfies readonly (keyof GPUSupportedLimits)[];

/** The machine that kernels were verified on. */
export interface VerifyEnvironment {
  readonly zygo: string;
  /** Commit of the checkout; null outside one. */
  readonly commit: string | null;
  readonly date: string;
  readonly system: string;
  readonly node: string;
  /** Version of the npm package `webgpu`, which is Dawn. */
  readonly dawn: string;
  readonly adapter: {
    readonly vendor: string;
    readonly architecture: string;
    readonly device: string;
    /** Names the driver and its version where the driver says so. */
    readonly description: string;
    readonly software: boolean;
  };
  /** Optional features that the device was opened with: all that kernels have variants for and the adapter has. */
  readonly features: readonly string[];
  readonly limits: Readonly<Record<string, number>>;
  /** Smallest and largest subgroup; null where the adapter does not tell. */
  readonly subgroupSize: { readonly min: number; readonly max: number } | null;
}

/** Describes an engine's device and this process. */
export function environmentOf({ device, info }: Engine): VerifyEnvironment {
  const { vendor, architecture, device: name, description, software } = info;
  const { subgroupMinSize, subgroupMaxSize } = device.adapterInfo;
  return {
    zygo: zygoVersion(),
    commit: gitCommit(),
    date: new Date().toISOString(),
    system: `${process.platform} ${process.arch} ${release()}`,
    node: process.version,
    dawn: (createRequire(import.meta.url)('webgpu/package.json') as { version: string }).version,
    adapter: { vendor, architecture, device: name, description, software },
    features: [...device.features].sort(),
    limits: Object.fromEntries(LIMITS.map((limit) => [limit, device.limits[limit]])),
    subgroupSize: subgroupMaxSize > 0 ? { min: subgroupMinSize, max: subgroupMaxSize } : null,
  };
}

/** The header of the table, line by line. */
export function environmentLines(environment: VerifyEnvironment): string[] {
  const { zygo, commit, date, system, node, dawn, adapter, features, limits, subgroupSize } = environment;
  const known = (text: string): string => text.trim() || 'not told';
  return [
    `zygo verify: Zygo ${zygo}${commit ? ` (${commit.slice(0, 12)}${commit.includes('+') ? ' with changes' : ''})` : ''}, ${date}`,
    `system:         ${system}, Node ${node}, Dawn (npm webgpu) ${dawn}`,
    `adapter:        vendor ${known(adapter.vendor)}, architecture ${known(adapter.architecture)}, device ${known(adapter.device)}` +
      (adapter.software ? ' (software: runs on the CPU)' : ''),
    `driver:         ${known(adapter.description)}`,
    `features:       ${features.join(', ') || 'none'}`,
    `subgroup size:  ${subgroupSize ? `${subgroupSize.min} to ${subgroupSize.max}` : 'not told'}`,
    `limits:         ${Object.entries(limits).map(([name, value]) => `${name} ${value}`).join(', ')}`,
  ];
}
