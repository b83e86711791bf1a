/**
 * Finds a WebGPU adapter for Node: Dawn (npm package `webgpu`) on a real GPU first, then on any software
 * Vulkan driver that Dawn accepts, then on the SwiftShader inside `@sparticuz/chromium`.
 */
import { constants } from 'node:os';
import { isSoftwareAdapter } from '../../engine/device.js';
import { DeviceError } from '../../engine/errors.js';
import { bundledChromiumRunsHere, unpackSwiftShader } from './bundled-chromium.js';
import { paceWaits } from './paced-waits.js';

/**
 * What {@link findNodeGpu} found. It must stay reachable while the adapter's device is in use: Dawn's objects take the
 * process down when they are collected earlier.
 */
export interface NodeGpu {
  /** Dawn's instance. */
  gpu: GPU;
  /** Gives one device, as every adapter does. */
  adapter: GPUAdapter;
  /** True for a CPU implementation (SwiftShader, llvmpipe, WARP): correct, and slow. */
  software: boolean;
}

/** Which adapter {@link findNodeGpu} looks for, and what Dawn is told. */
export interface NodeGpuOptions {
  /** 'auto' (default): a real GPU first. 'software': the bundled SwiftShader even where there is a GPU. */
  adapter?: 'auto' | 'software';
  /** Lets Dawn offer its experimental subgroup matrices, which are no part of WebGPU; see `openEngine`. */
  subgroupMatrix?: boolean;
  /** Dawn toggles such as 'disable-dawn-features=timestamp_quantization'. */
  dawnFlags?: readonly string[];
}

/** RTLD_NODELETE: keep the library loaded although Node finds no module in it. */
const RTLD_NODELETE = 0x1000;

/** Without it Dawn rounds timestamps to multiples of 65,536 ns, longer than many kernels run. */
const DEFAULT_FLAGS = ['disable-dawn-features=timestamp_quantization'];

/** Dawn's instance must outlive its adapters and their devices: collected earlier, it takes the process down with it. */
const instances = new WeakMap<GPUAdapter, GPU>();

/** Dawn offers experimental features only to those who allow them. */
const UNSAFE_FLAG = 'enable-dawn-features=allow_unsafe_apis';

/** Dawn takes one list for each name, the last: lists of one name are joined. */
function joinLists(flags: readonly string[]): string[] {
  const lists = new Map<string, string[]>();
  for (const flag of flags) {
    const [name, list] = flag.split('=', 2);
    lists.set(name, [...(lists.get(name) ?? []), ...(list === undefined ? [] : [list])]);
  }
  return [...lists].map(([name, list]) => (list.length === 0 ? name : `${name}=${list.join(',')}`));
}

async function requestAdapter(flags: readonly string[]): Promise<{ gpu: GPU; adapter: GPUAdapter } | null> {
  const { create, globals } = await import('webgpu');
  Object.assign(globalThis, globals);
  const gpu = create(joinLists(flags)) as GPU;
  const adapter = await gpu.requestAdapter({ powerPreference: 'high-performance' });
  if (!adapter) return null;
  instances.set(adapter, gpu);
  if (isSoftwareAdapter(adapter)) paceWaits(globals as Parameters<typeof paceWaits>[0]);
  return { gpu, adapter };
}

/**
 * Loads a shared library for good.
 * @returns false when the library is not there.
 */
function loadLibrary(file: string): boolean {
  const { RTLD_NOW, RTLD_GLOBAL } = constants.dlopen;
  try {
    process.dlopen({ exports: {} }, file, RTLD_NOW | RTLD_GLOBAL | RTLD_NODELETE);
  } catch (error) {
    // A plain library registers no Node module: Node throws, and it stays loaded, which is what Dawn needs.
    return !/cannot open shared object/.test(String(error));
  }
  return true;
}

/**
 * Our kernels write workgroup memory before they read it; clearing it first costs SwiftShader more than some
 * kernels take (2.7 ns per byte and subgroup, 2026-11-23).
 */
const SOFTWARE_FLAGS = ['enable-dawn-features=disable_workgroup_init'];

/** Names of the Vulkan loader's variables that say which drivers it takes: now, and until 2022. */
const DRIVER_VARIABLES = ['VK_DRIVER_FILES', 'VK_ICD_FILENAMES'] as const;

/** Runs a body that looks for adapters with the bundled SwiftShader as the only driver. */
async function onSwiftShader<T>(body: () => Promise<T>): Promise<T> {
  const { icdFile, loader } = await unpackSwiftShader();
  const before = DRIVER_VARIABLES.map((name) => process.env[name]);
  for (const name of DRIVER_VARIABLES) process.env[name] = icdFile;
  loadLibrary(loader);
  try {
    return await body();
  } finally {
    // What this process starts looks for itself, with the drivers that the user named.
    DRIVER_VARIABLES.forEach((name, at) => {
      if (before[at] === undefined) delete process.env[name];
      else process.env[name] = before[at];
    });
  }
}

/** False when none was found. Asked once: the bundled loader has the same name as an installed one and would be taken for it. */
let mayHaveGpu: boolean | null = null;

/**
 * The best adapter of this machine.
 * @throws {DeviceError} when there is none, with what to install.
 */
export async function findNodeGpu(options: NodeGpuOptions = {}): Promise<NodeGpu> {
  const flags = [...DEFAULT_FLAGS, ...(options.subgroupMatrix ? [UNSAFE_FLAG] : []), ...(options.dawnFlags ?? [])];
  // Without a Vulkan loader Dawn on Linux finds nothing and prints a warning: do not even ask.
  mayHaveGpu ??= process.platform !== 'linux' || loadLibrary('libvulkan.so.1');
  if (options.adapter !== 'software' && mayHaveGpu) {
    const found = await requestAdapter(flags);
    if (found) return { ...found, software: isSoftwareAdapter(found.adapter) };
    mayHaveGpu = false;
  }
  if (bundledChromiumRunsHere()) {
    const found = await onSwiftShader(() => requestAdapter([...SOFTWARE_FLAGS, ...flags]));
    if (found) return { ...found, software: true };
  }
  throw new DeviceError(
    `No WebGPU adapter was found on this machine (${process.platform} ${process.arch}): expected a GPU with a Vulkan, ` +
      'Metal or Direct3D 12 driver, or Linux x64, where a software adapter comes with the npm packages. ' +
      'Install or update the graphics driver, or run `npm ci` again if node_modules is incomplete.',
  );
}
