import { Engine, type ShaderSources } from '../engine/index.js';
import { shaderSources } from '../shaders.generated.js';
import { accumulate, add } from './elementwise/index.js';

/**
 * An engine with Zygo's kernels.
 * @param adapter from `navigator.gpu.requestAdapter()` in Chrome, from `findNodeGpu()` in Node
 * @param ownShaders further WGSL programs by name, for kernels of your own
 * @param options `subgroupMatrix` asks for Dawn's experimental subgroup matrices, which an adapter of
 *   `findNodeGpu({ subgroupMatrix: true })` may have
 * @throws {DeviceError} when the adapter gives no device
 */
export function openEngine(adapter: GPUAdapter, ownShaders: ShaderSources = {}, options: { readonly subgroupMatrix?: boolean } = {}): Promise<Engine> {
  return Engine.create({
    adapter,
    subgroupMatrix: options.subgroupMatrix,
    shaderSources: { ...shaderSources, ...ownShaders },
    tapeKernels: { add, accumulate },
  });
}
