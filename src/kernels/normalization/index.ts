export { batchNorm, columnMoments, type BatchNormOptions } from './batch-norm.js';
export { L2_EPSILON, l2Normalize } from './l2-normalize.js';
export { layerNorm, type LayerNormOptions } from './layer-norm.js';
export { columnShares, rowLanes, rowLaunch, rowsAndColumns, type RowLaunch } from './rows.js';
export { softmax } from './softmax.js';
