/** What stands beside every figure about a device: adapter, driver, features and limits. */
import type { AdapterDescription, Engine } from '../engine/index.js';

/** Limits that kernels are bound by. */
const LIMITS = [
  'maxComputeInvocationsPerWorkgroup',
  'maxComputeWorkgroupStorageSize',
  'maxStorageBuffersPerShaderStage',
  'maxComputeWorkgroupsPerDimension',
  'maxStorageBufferBindingSize',
  'maxBufferSize',
] as const satisfies readonly (keyof GPUSupportedLimits)[];

/** An engine's device. Plain data. */
export interface DeviceFacts {
  /** `description` names the driver and its version where the driver says so. */
  readonly adapter: AdapterDescription;
  /** Optional features that the device was opened with: all that kernels have variants for and the adapter has. */
  readonly features: readonly string[];
  readonly limits: Readonly<Record<string, number>>;
  /** Smallest and largest subgroup; null where the adapter does not tell. */
  readonly subgroupSize: { readonly min: number; readonly max: number } | null;
}

/** Describes an engine's device. */
export function deviceFacts({ device, info }: Engine): DeviceFacts {
  const { vendor, architecture, device: name, description, software } = info;
  const { subgroupMinSize, subgroupMaxSize } = device.adapterInfo;
  return {
    adapter: { vendor, architecture, device: name, description, software },
    features: [...device.features].sort(),
    limits: Object.fromEntries(LIMITS.map((limit) => [limit, device.limits[limit]])),
    subgroupSize: subgroupMaxSize > 0 ? { min: subgroupMinSize, max: subgroupMaxSize } : null,
  };
}
