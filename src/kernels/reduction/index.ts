export { columnSum, finishColumnSum } from './column-sum.js';
export { dotOf, finishSum, mean, partialGroups, scaleByScalar, sum, sumOf, type SumMap } from './sum.js';
