import { DeviceError } from './errors.js';

/** What is known about the adapter; it stands beside every result. */
export interface AdapterDescription {
  readonly vendor: string;
  readonly architecture: string;
  readonly device: string;
  readonly description: string;
  /** True for a CPU implementation. */
  readonly software: boolean;
  /** Size of the subgroup matrices, f16 to f32, when the device was opened for them: M x K by K x N. */
  readonly subgroupMatrix?: SubgroupMatrixSize;
}

/** Elements of one product of subgroup matrices. */
export interface SubgroupMatrixSize {
  readonly M: number;
  readonly N: number;
  readonly K: number;
}

/** Dawn's experimental feature; adapters offer it only where Dawn was told to allow unsafe interfaces. */
export const SUBGROUP_MATRIX = 'chromium-experimental-subgroup-matrix';

/** What Dawn says about an adapter's subgroup matrices, beyond the types of WebGPU. */
interface SubgroupMatrixInfo {
  readonly subgroupMatrixConfigs?: readonly (SubgroupMatrixSize & { readonly componentType: string; readonly resultComponentType: string })[];
}

/** The largest f16 to f32 product that the adapter lists and whose sides divide the kernels' steps of 32; null when there is none. */
function subgroupMatrixOf(adapter: GPUAdapter): SubgroupMatrixSize | null {
  const { subgroupMatrixConfigs = [] } = adapter.info as GPUAdapterInfo & SubgroupMatrixInfo;
  const fitting = subgroupMatrixConfigs
    .filter(({ componentType, resultComponentType }) => componentType === 'f16' && resultComponentType === 'f32')
    .map(({ M, N, K }) => ({ M, N, K }))
    .filter(({ M, N, K }) => [M, N, K].every((side) => 32 % side === 0));
  return fitting.sort((one, other) => other.M * other.N * other.K - one.M * one.N * one.K)[0] ?? null;
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
 * @param options `subgroupMatrix` asks for Dawn's experimental subgroup matrices as well, where the adapter has them
 * @throws {DeviceError} when the adapter refuses.
 */
export async function requestDevice(adapter: GPUAdapter, { subgroupMatrix = false } = {}): Promise<{ device: GPUDevice; info: AdapterDescription }> {
  const requiredLimits: Record<string, number> = {};
  for (const name of WANTED_LIMITS) requiredLimits[name] = adapter.limits[name] as number;
  const matrix = subgroupMatrix ? subgroupMatrixOf(adapter) : null;
  const wanted = matrix ? [...WANTED_FEATURES, SUBGROUP_MATRIX] : WANTED_FEATURES;
  const requiredFeatures = wanted.filter((feature) => adapter.features.has(feature)) as GPUFeatureName[];
  let device: GPUDevice;
  try {
    device = await adapter.requestDevice({ requiredLimits, requiredFeatures });
  } catch (error) {
    throw new DeviceError(`The WebGPU adapter gives no device: ${error instanceof Error ? error.message : String(error)}`);
  }
  const { vendor, architecture, device: name, description } = adapter.info;
  const has = matrix && device.features.has(SUBGROUP_MATRIX as GPUFeatureName);
  return { device, info: { vendor, architecture, device: name, description, software: isSoftwareAdapter(adapter), ...(has ? { subgroupMatrix: matrix } : {}) } };
}
