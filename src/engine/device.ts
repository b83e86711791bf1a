import { DeviceError } from './errors.js';

/** What is known about the adapter; it stands beside every result. */
export interface AdapterDescription {
  readonly vendor: string;
  readonly architecture: string;
  readonly device: string;
  readonly description: string;
  /** True for a CPU implementation. */
  readonly software: boolean;
}

/** Optional features that kernels have variants for; each is requested where the adapter has it. */
const WANTED_FEATURES: readonly string[] = ['timestamp-query', 'shader-f16', 'subgroups'];

const WANTED_LIMITS = [
  'maxBufferSize',
  'maxStorageBufferBindingSize',
  'maxComputeWorkgroupStorageSize',
  'maxComputeInvocationsPerWorkgroup',
  'maxComputeWorkgroupSizeX',
  'maxComputeWorkgroupSizeY',
  'maxStorageBuffersPerShaderStage',
] as const satisfies readonly (keyof GPUSupportedLimits)[];

/** One line for people: the adapter's name, and a plain word when it is software. */
export function adapterName(info: AdapterDescription): string {
  const name = [info.description, info.device, info.architecture, info.vendor].find((part) => part.trim() !== '') ?? 'unnamed adapter';
  return info.software ? `${name} (software: runs on the CPU, slowly)` : name;
}

/** True when the adapter's own description names a CPU implementation. */
export function isSoftwareAdapter(adapter: GPUAdapter): boolean {
  const { vendor, architecture, device, description, isFallbackAdapter } = adapter.info;
  return (
    isFallbackAdapter === true ||
    /swiftshader|llvmpipe|lavapipe|software|microsoft basic|warp/i.test(`${vendor} ${architecture} ${device} ${description}`)
  );
}

/**
 * A device with the adapter's own limits and the optional features that kernels can use.
 * @throws {DeviceError} when the adapter refuses.
 */
export async function requestDevice(adapter: GPUAdapter): Promise<{ device: GPUDevice; info: AdapterDescription }> {
  const requiredLimits: Record<string, number> = {};
  for (const name of WANTED_LIMITS) requiredLimits[name] = adapter.limits[name] as number;
  const requiredFeatures = WANTED_FEATURES.filter((feature) => adapter.features.has(feature)) as GPUFeatureName[];
  let device: GPUDevice;
  try {
    device = await adapter.requestDevice({ requiredLimits, requiredFeatures });
  } catch (error) {
    throw new DeviceError(`The WebGPU adapter gives no device: ${error instanceof Error ? error.message : String(error)}`);
  }
  const { vendor, architecture, device: name, description } = adapter.info;
  return { device, info: { vendor, architecture, device: name, description, software: isSoftwareAdapter(adapter) } };
}
