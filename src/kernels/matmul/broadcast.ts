/** Batches of different shapes, as torch.matmul joins them. */
import { formatShape, ShapeError, sizeOf, type Engine, type Tensor } from '../../engine/index.js';
import { gatherRows } from '../layout/index.js';
import { columnSum } from '../reduction/index.js';

/**
 * The batch that two batches have together: aligned at the right, each dimension equal, or 1 or absent in one of them.
 * @param given both operands, for the message
 * @throws {ShapeError} when a dimension differs
 */
export function joinedBatch(a: readonly number[], b: readonly number[], given: string): number[] {
  return Array.from({ length: Math.max(a.length, b.length) }, (_, place, rank = Math.max(a.length, b.length)) => {
    const ofA = a[place - (rank - a.length)] ?? 1;
    const ofB = b[place - (rank - b.length)] ?? 1;
    if (ofA !== ofB && ofA !== 1 && ofB !== 1) {
      throw new ShapeError(`matmul takes the same batch for a and b, or dimensions of 1 where they differ, given ${given}.`);
    }
    return ofA === 1 ? ofB : ofA;
  });
}

/** For each matrix of `batch`, which matrix of `own` it repeats. */
function sourcesOf(own: readonly number[], batch: readonly number[]): Uint32Array<ArrayBuffer> {
  return Uint32Array.from({ length: sizeOf(batch) }, (_, matrix) => {
    let source = 0;
    let stride = 1;
    let rest = matrix;
    for (let back = 1; back <= batch.length; back++) {
      const place = rest % batch[batch.length - back];
      rest = Math.floor(rest / batch[batch.length - back]);
      const extent = own[own.length - back] ?? 1;
      if (extent > 1) source += place * stride;
      stride *= extent;
    }
    return source;
  });
}

/**
 * Repeats the matrices of x so that its batch becomes `batch`; differentiable (repeats are added up in a fixed order).
 * @param x [..., rows, columns]
 * @param batch what `joinedBatch` gave
 * @returns [...batch, rows, columns]; x itself when there is nothing to repeat
 */
export function expandBatch(engine: Engine, x: Tensor, batch: readonly number[]): Tensor {
  const own = x.shape.slice(0, -2);
  const matrix = x.shape.slice(-2);
  const count = sizeOf(own);
  if (count === sizeOf(batch)) return x;
  const sources = sourcesOf(own, batch);
  const flat = [count, sizeOf(matrix)];
  const rowsOf = (tensor: Tensor, shape: readonly number[]) => engine.noGrad(() => engine.reshape(tensor, shape));
  const repeated = gatherRows(engine, rowsOf(x, flat), engine.tensor(sources, [sources.length]));
  const y = rowsOf(repeated, [...batch, ...matrix]);
  engine.record('expandBatch', [x], [y], (context) => {
    if (!context.needs(0)) return;
    // All first uses, then all second uses, and so on: a sum over the leading dimension adds up each matrix's uses.
    const bySource = Uint32Array.from(sources.keys()).sort((left, right) => sources[left] - sources[right] || left - right);
    const repeats = sources.length / count;
    const order = Uint32Array.from(bySource, (_, at) => bySource[(at % count) * repeats + Math.floor(at / count)]);
    const dy = rowsOf(context.gradient(0), [sources.length, flat[1]]);
    const sorted = gatherRows(engine, dy, engine.tensor(order, [order.length]));
    columnSum(engine, rowsOf(sorted, [repeats, count * flat[1]]), rowsOf(context.target(0), [count * flat[1]]));
  });
  return y;
}

/** "[2, 3, 4] transposed", for messages. */
export function operandInWords(shape: readonly number[], transposed: boolean): string {
  return `${formatShape(shape)}${transposed ? ' transposed' : ''}`;
}
