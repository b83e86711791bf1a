export type { WindowAttentionOptions } from './geometry.js';
export { windowAttention } from './window-attention.js';
