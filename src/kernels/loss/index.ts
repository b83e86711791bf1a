export { bceWithLogits } from './binary-cross-entropy.js';
export { featureSpread, featureStd, planEntropy, type FeatureSpread } from './collapse.js';
export { contrastiveCrossEntropy, type ContrastiveOptions } from './contrastive.js';
export { negativeCosine } from './negative-cosine.js';
export { priorUpdate, relationMarginals, transportLoss } from './relation.js';
