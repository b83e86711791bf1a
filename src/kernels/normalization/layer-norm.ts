import { expectShape, gridFor, type BackwardContext, type Engine, type Tensor } from '../../engine/index.js';
import { cast, inSingle } from '../elementwise/cast.js';
import { elementWidth } from '../elementwise/geometry.js';
import { finishColumnSum } from '../reduction/column-sum.js';
import { layerNormLaunch } from './layer-norm-choice.js';
import { columnShares, rowLaunch, rowsAndColumns } from './rows.js';

/** Operations for an element's part in the gradients of weight and bias, dy n and two sums; n = (x − mean) rstd takes 2 more where dx does not need it too. */
const AFFINE_FLOPS = 3;

/**
 * Gradients of a normalisation's weight and bias, Σ dy n and Σ dy over the rows, n = (x − mean) rstd.
 * @param norm 'layer': statistics [rows, 2], mean and rstd of each row; 'batch': [2, columns], those of each column
 * @param dweight [columns], overwritten
 * @param dbias [columns], overwritten
 * @param reads whether x and dy are read for this alone; not where the op reads them for dx as well, and counts them there
 */
export function affineGradients(
  engine: Engine,
  { x, dy, statistics, norm, dweight, dbias, reads }: { x: Tensor; dy: Tensor; statistics: Tensor; norm: 'layer' | 'batch'; dweight: Tensor; dbias: Tensor; reads: boolean },
): void {
  const { rows, columns } = rowsAndColumns(x);
  const { width, constants } = elementWidth(columns);
  const shares = columnShares(engine, rows, columns / width);
  const partial = engine.empty([shares, 2 * columns]);
  engine.dispatch({
    shader: norm === 'layer' ? 'normalization/affine_gradient_partial' : 'normalization/batch_norm_gradient_partial',
    constants,
    tensors: { x, dy, statistics, partial },
    params: { rows, columns: columns / width, shares },
    workgroups: gridFor((shares * columns) / width),
    flops: (reads ? AFFINE_FLOPS + 2 : AFFINE_FLOPS) * x.size,
    bytes: reads ? 8 * x.size : 0,
  });
  finishColumnSum(engine, partial, 0, dweight, dbias);
}

/** Targets of the weight's and bias's gradients: a scratch tensor for one that is not wanted. */
export function affineTargets(engine: Engine, context: BackwardContext, weight: Tensor, bias: Tensor): { dweight: Tensor; dbias: Tensor } {
  return {
    dweight: context.needs(1) ? context.target(1) : engine.empty(weight.shape),
    dbias: context.needs(2) ? context.target(2) : engine.empty(bias.shape),
  };
}

/** What {@link layerNorm} adds to the variance, and in which dtype it stores the result. */
export interface LayerNormOptions {
  /** Added to the variance, in its units; 1e-5 by default. */
  readonly epsilon?: number;
  /** dtype of the result, f32 by default; f16 for the products that follow. */
  readonly output?: 'f32' | 'f16';
}

/**
 * Layer normalisation over the last dimension (Ba, Kiros and Hinton 2016), differentiable:
 * y = (x − mean) / √(variance + ε) · weight + bias. The gradients of weight and bias are two-stage sums of fixed order.
 * @param x [..., C]
 * @param weight [C]
 * @param bias [C]
 * @returns the shape of x
 * @throws {ShapeError} when weight or bias is not [C]
 */
export function layerNorm(engine: Engine, x: Tensor, weight: Tensor, bias: Tensor, { epsilon = 1e-5, output = 'f32' }: LayerNormOptions = {}): Tensor {
  const { rows, columns, constants, workgroups } = rowLaunch(engine, x);
  const half = output === 'f16';
  // Rows that are no multiple of 4 would share words.
  if (half && constants.WIDTH !== 4) return cast(engine, layerNorm(engine, x, weight, bias, { epsilon }), 'f16');
  expectShape('layerNorm: weight', weight.shape, x.shape.slice(-1));
  expectShape('layerNorm: bias', bias.shape, x.shape.slice(-1));
  const y = engine.empty(x.shape, output);
  const statistics = engine.empty([rows, 2]);
  const work = { tensors: { x, weight, bias, y, statistics }, flops: 8 * x.size, bytes: x.byteLength + y.byteLength };
  const launch = layerNormLaunch(engine, 'forward', rows, weight.size, half);
  if (launch) {
    const { variant, constants: own, params, workgroups: groups } = launch;
    engine.dispatch({ shader: `normalization/layer_norm_${half ? 'f16_' : ''}${variant}`, constants: own, params: { rows, epsilon, ...params }, workgroups: groups, ...work });
  } else {
    engine.dispatch({
      shader: half ? 'normalization/layer_norm_f16' : 'normalization/layer_norm',
      constants: half ? { LANES: constants.LANES } : constants,
      params: { rows, columns, epsilon },
      workgroups,
      ...work,
    });
  }
  engine.record('layerNorm', [x, weight, bias], [y], (context) => {
    const gradient = context.gradient(0);
    const dy = inSingle(engine, gradient);
    // x goes on past the norm in every block: the gradient that came by that way is added here instead of in a pass of its own.
    const before = context.needs(0) ? context.takeSum(0) : null;
    const affine = context.needs(1) || context.needs(2);
    // One count for every variant: x, dy and what is added are read once, dx is written once.
    const flops = ((before ? 12 : 11) + (affine ? AFFINE_FLOPS : 0)) * x.size;
    const bytes = gradient.byteLength + (before ? 12 : 8) * x.size;
    const onePass = context.needs(0) ? layerNormLaunch(engine, 'backward', rows, weight.size) : null;
    if (onePass) {
      const { variant, constants: own, params, workgroups: groups, shares } = onePass;
      const partial = engine.empty([shares, 2 * weight.size]);
      engine.dispatch({
        shader: `normalization/layer_norm_backward_${variant}`,
        constants: { ...own, ADDS: before !== null },
        tensors: { x, weight, statistics, dy, before: before ?? dy, dx: context.target(0), partial },
        params: { rows, ...params },
        workgroups: groups,
        flops,
        bytes,
      });
      if (affine) {
        const { dweight, dbias } = affineTargets(engine, context, weight, bias);
        finishColumnSum(engine, partial, 0, dweight, dbias);
      }
      return;
    }
    if (context.needs(0)) {
      engine.dispatch({
        shader: 'normalization/layer_norm_backward',
        constants: { ...constants, ADDS: before !== null },
        tensors: { x, weight, statistics, dy, before: before ?? dy, dx: context.target(0) },
        params: { rows, columns },
        workgroups,
        flops: flops - (affine ? AFFINE_FLOPS * x.size : 0),
        bytes,
      });
    }
    if (affine) affineGradients(engine, { x, dy, statistics, norm: 'layer', ...affineTargets(engine, context, weight, bias), reads: !context.needs(0) });
  });
  return y;
}
