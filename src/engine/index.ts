/** The tensor and autograd engine. */
export { formatBytes, type MemoryCounters } from './buffers.js';
export { CapturedStep } from './captured-step.js';
export type { ProfileEntry } from './profile.js';
export type { DispatchCommand, KernelCall, Workgroups } from './commands.js';
export { adapterName, isSoftwareAdapter, SUBGROUP_MATRIX, type AdapterDescription, type SubgroupMatrixSize } from './device.js';
export { bytesPerElement, type DType, type TypedArray } from './dtype.js';
export { Engine, type EngineOptions, type TapeKernels } from './engine.js';
export { DeviceError, InputError, KernelError, ShapeError, ZygoError } from './errors.js';
export { gridFor } from './grid.js';
export { halfBits, halfValues, roundToHalf } from './half.js';
export { planMemory, type Lifetime, type MemoryPlan } from './memory-plan.js';
export type { ShaderSources } from './program.js';
export { reflect, type Reflection } from './reflection.js';
export { specialize, type Constants } from './specialize.js';
export type { Backward, BackwardContext, Tape } from './tape.js';
export { expectShape, formatShape, sizeOf, Tensor } from './tensor.js';
export type { ChoiceContext, EngineObserver, TunedLookup } from './variants.js';
