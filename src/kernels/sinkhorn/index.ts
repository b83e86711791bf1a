export type { SinkhornOptions } from './problem.js';
export { sinkhorn, type SinkhornResult } from './sinkhorn.js';
