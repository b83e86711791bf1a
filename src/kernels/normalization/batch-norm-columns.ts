import { gridFor, type Engine, type Tensor, type Workgroups } from '../../engine/index.js';
import { elementWidth } from '../elementwise/geometry.js';
import { problemKey } from '../problem-key.js';
import { affineTargets } from './layer-norm.js';
import { rowsAndColumns } from './rows.js';

/** Rows up to which a column is held in one launch: a batch's heads have 64. */
export const FEW_ROWS = 128;

/** Slices of rows and columns of a workgroup of `kept`; a thread keeps at most FEW_ROWS / SLICES rows. */
const SLICES = 8;
const COLUMNS = 16;

/** A launch of either pass: the ending of the shader's name, and what it is given. */
interface ColumnsLaunch {
  readonly kind: 'columns' | 'columns_kept';
  readonly constants: Readonly<Record<string, number | string>>;
  /** Columns as the kernel counts them. */
  readonly columns: number;
  readonly workgroups: Workgroups;
}

/** Family 'batch-norm': a thread to a column on software adapters, a workgroup to 16 columns on GPUs. */
function launchOf(engine: Engine, pass: 'forward' | 'backward', rows: number, floats: number): ColumnsLaunch {
  const byRule = engine.info.software ? 'columns' : 'kept';
  const variant = engine.choose('batch-norm', ['columns', 'kept'], byRule, problemKey({ r: rows, c: floats }, { backward: pass === 'backward' }));
  if (variant === 'kept') return { kind: 'columns_kept', constants: { PIECES: Math.ceil(rows / SLICES) }, columns: floats, workgroups: gridFor(floats, COLUMNS) };
  // A GPU wants as many threads as there are columns; a software adapter wants vector loads.
  const { width, constants } = engine.info.software ? elementWidth(floats) : elementWidth(1);
  return { kind: 'columns', constants, columns: floats / width, workgroups: gridFor(floats / width) };
}

/**
 * Batch normalisation of few rows, without running statistics: one launch each way; differentiable.
 * @param x [..., C], at most {@link FEW_ROWS} rows
 * @param relu whether max(y, 0) follows
 */
export function batchNormColumns(engine: Engine, x: Tensor, weight: Tensor, bias: Tensor, epsilon: number, relu: boolean): Tensor {
  const { rows, columns: floats } = rowsAndColumns(x);
  const y = engine.empty(x.shape);
  const statistics = engine.empty([2, floats]);
  const { kind, constants, columns, workgroups } = launchOf(engine, 'forward', rows, floats);
  engine.dispatch({
    shader: `normalization/batch_norm_${kind}`,
    constants: { ...constants, RELU: relu },
    tensors: { x, weight, bias, statistics, y },
    params: { rows, columns, epsilon },
    workgroups,
    flops: (relu ? 9 : 8) * x.size,
    bytes: 8 * x.size,
  });
  engine.record('batchNorm', [x, weight, bias], [y], (context) => {
    const { dweight, dbias } = affineTargets(engine, context, weight, bias);
    const dx = context.needs(0) ? context.target(0) : engine.empty(x.shape);
    const back = launchOf(engine, 'backward', rows, floats);
    engine.dispatch({
      shader: `normalization/batch_norm_${back.kind}_backward`,
      constants: { ...back.constants, RELU: relu },
      tensors: { x, statistics, weight, bias, dy: context.gradient(0), dx, dweight, dbias },
      params: { rows, columns: back.columns },
      workgroups: back.workgroups,
      flops: (relu ? 12 : 11) * x.size,
      bytes: 12 * x.size,
    });
  });
  return y;
}
