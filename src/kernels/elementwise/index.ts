export { gelu, relu } from './activations.js';
export { accumulate, add } from './add.js';
export { affine, scale } from './affine.js';
export { fill, filled } from './fill.js';
export { elementwiseGrid } from './geometry.js';
