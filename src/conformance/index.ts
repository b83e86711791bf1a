/** Proves kernels against cases that other frameworks computed; knows neither files nor a terminal. */
export { parseCase, type CaseTensor, type ConformanceCase } from './case.js';
export type { Comparison } from './compare.js';
export { CONFORMANCE_OPS } from './ops.js';
export { runCase, type CaseResult } from './run-case.js';
export { SINGLE_OP, WHOLE_NETWORK, type Tolerance } from './tolerance.js';
