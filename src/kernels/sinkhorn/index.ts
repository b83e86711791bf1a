export { MAX_SINKHORN_SIZE, sinkhorn, type SinkhornOptions, type SinkhornResult } from './sinkhorn.js';
