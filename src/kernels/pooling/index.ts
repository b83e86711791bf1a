export { regionPool, type RegionPool } from './region-pool.js';
