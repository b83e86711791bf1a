/** A GPU that is not there: it accepts every command and computes nothing, so that the rules can be asked what a GPU would run. */

/** What kernels are chosen by: a Vulkan driver's features and limits on a large NVIDIA GPU. */
const FEATURES: readonly GPUFeatureName[] = ['timestamp-query', 'shader-f16', 'subgroups'];
const LIMITS: Partial<Record<keyof GPUSupportedLimits, number>> = {
  maxBufferSize: 2 ** 36,
  maxStorageBufferBindingSize: 2 ** 32 - 4,
  maxComputeWorkgroupStorageSize: 48 * 1024,
  maxComputeInvocationsPerWorkgroup: 1024,
  maxComputeWorkgroupSizeX: 1024,
  maxComputeWorkgroupSizeY: 1024,
  maxComputeWorkgroupsPerDimension: 65535,
  maxStorageBuffersPerShaderStage: 16,
};

/** Constants that WebGPU has as globals, as far as the engine uses them. */
const GLOBALS = {
  GPUShaderStage: { COMPUTE: 4 },
  GPUBufferUsage: { MAP_READ: 1, COPY_SRC: 4, COPY_DST: 8, UNIFORM: 64, STORAGE: 128, QUERY_RESOLVE: 512 },
};

const nothing = (): void => {};

const pass = { setPipeline: nothing, setBindGroup: nothing, dispatchWorkgroups: nothing, end: nothing };
const encoder = { beginComputePass: () => pass, clearBuffer: nothing, copyBufferToBuffer: nothing, finish: () => ({}) };

const device = {
  features: new Set(FEATURES),
  limits: LIMITS,
  lost: new Promise(nothing),
  queue: { writeBuffer: nothing, submit: nothing, onSubmittedWorkDone: async () => {} },
  addEventListener: nothing,
  pushErrorScope: nothing,
  popErrorScope: async () => null,
  createBuffer: ({ size }: GPUBufferDescriptor) => ({ size, destroy: nothing }),
  createBindGroupLayout: () => ({}),
  createPipelineLayout: () => ({}),
  createShaderModule: () => ({}),
  createComputePipeline: () => ({}),
  createComputePipelineAsync: async () => ({}),
  createBindGroup: () => ({}),
  createCommandEncoder: () => encoder,
  destroy: nothing,
};

/** An adapter whose device plans, and runs nothing. What is read from it never comes. */
export function imaginaryGpu(): GPUAdapter {
  for (const [name, value] of Object.entries(GLOBALS)) if (!(name in globalThis)) Object.assign(globalThis, { [name]: value });
  const info = { vendor: 'imaginary', architecture: '', device: '', description: 'imaginary GPU' };
  return { info, features: new Set(FEATURES), limits: LIMITS, requestDevice: async () => device } as unknown as GPUAdapter;
}
