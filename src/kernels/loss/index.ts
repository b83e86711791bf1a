export { bceWithLogits } from './binary-cross-entropy.js';
export { featureStd, planEntropy } from './collapse.js';
export { contrastiveCrossEntropy, type ContrastiveOptions } from './contrastive.js';
export { negativeCosine } from './negative-cosine.js';
export { priorUpdate, relationMarginals, transportLoss } from './relation.js';
