/** Verification of every kernel against float64, on any device. */
export { allCases, kernelCases } from './cases/index.js';
export { relativeError } from './compare.js';
export { differentiable, type DifferentiableCase } from './differentiable.js';
export { listLaunches, recordLaunches, type RecordedLaunch } from './launches.js';
export { FORWARD_TOLERANCE, GRADIENT_TOLERANCE, type Expected, type VerifyCase } from './types.js';
export { otherVariants, watchChoices, type AskedFamilies, type OtherVariant } from './variants.js';
export { compute, verify, type OutputError, type Verdict, type VerifyResult } from './verify.js';
