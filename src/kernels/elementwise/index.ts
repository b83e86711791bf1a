export { gelu, relu } from './activations.js';
export { accumulate, add } from './add.js';
export { affine, scale } from './affine.js';
export { cast, castInto, inSingle } from './cast.js';
export { fill, filled } from './fill.js';
export { stochasticResidual } from './stochastic-residual.js';
export { elementwiseLaunch, elementWidth, itemLaunch, type ElementWidth, type ItemLaunch } from './geometry.js';
