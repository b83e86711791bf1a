/**
 * The kernels: every op takes an engine first, launches WGSL programs of shaders/, and is differentiable where its
 * docstring says so. `openEngine` gives an engine that has them, and takes kernels of your own.
 */
export * from './attention/index.js';
export * from './augment/index.js';
export * from './convolution/index.js';
export * from './elementwise/index.js';
export * from './layout/index.js';
export * from './loss/index.js';
export * from './matmul/index.js';
export * from './normalization/index.js';
export { openEngine } from './open-engine.js';
export * from './optimizer/index.js';
export * from './pooling/index.js';
export * from './random/index.js';
export * from './reduction/index.js';
export * from './regions/index.js';
export * from './sinkhorn/index.js';
