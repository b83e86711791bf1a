export {
  chooseMatmul,
  fitsVectors,
  matmulCandidates,
  matmulDevice,
  matmulSplitting,
  planMatmul,
  type MatmulDevice,
  type MatmulPlan,
  type MatmulProblem,
  type MatmulSplitting,
  type MatmulVariant,
} from './choose.js';
export { chooseHalfMatmul, halfMatmulCandidates, type HalfMatmulVariant } from './choose-f16.js';
export { launchProduct, type Product } from './launch.js';
export { linear, type LinearOptions } from './linear.js';
export { mlp, type Layer, type MlpOptions } from './mlp.js';
export { matmul, type MatmulOptions } from './matmul.js';
