export { columnSum, finishColumnSum } from './column-sum.js';
export { finishColumnSums, type ColumnSum } from './column-sums.js';
export { finishSums, type ScalarSum } from './sums.js';
export { dotOf, finishSum, mean, partialGroups, scaleByScalar, sum, sumOf, type SumMap } from './sum.js';
