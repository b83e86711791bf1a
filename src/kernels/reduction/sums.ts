/** Second stages of sums that wait for each other: losses and monitors, which nobody needs before the step ends. */
import { type Engine, type Tensor, type Work, type WorkKind } from '../../engine/index.js';

/** The second stage of one sum: y[to] = offset + factor · Σ_i partial[from + i · stride], i < count, or of the square roots. */
export interface ScalarSum {
  readonly from: number;
  readonly to: number;
  readonly count: number;
  readonly stride: number;
  readonly factor: number;
  readonly offset: number;
  readonly squareRoots: boolean;
}

/** Numbers of a sum in the kernel's table. */
const ENTRY = 8;

/**
 * Second stages of any number of sums in one launch, each by one workgroup. Like each alone it states no work: see `finishSum`.
 * @param partial first stages, [any]
 * @param y results, [any]; what no sum names stays as it is
 */
export function finishSums(engine: Engine, partial: Tensor, y: Tensor, sums: readonly ScalarSum[]): void {
  const table = new DataView(new ArrayBuffer(sums.length * ENTRY * 4));
  sums.forEach(({ from, to, count, stride, factor, offset, squareRoots }, index) => {
    [from, to, count, squareRoots ? 1 : 0, stride].forEach((value, place) => table.setUint32(4 * (ENTRY * index + place), value, true));
    [factor, offset].forEach((value, place) => table.setFloat32(4 * (ENTRY * index + 5 + place), value, true));
  });
  engine.dispatch({
    shader: 'reduction/sums_finish',
    tensors: { partial, sums: engine.tensor(new Uint32Array(table.buffer), [sums.length, ENTRY]), y },
    workgroups: [sums.length],
  });
}

/** A second stage that waits. */
interface Waiting extends Work {
  readonly partial: Tensor;
  readonly y: Tensor;
  /** Places are counted from the two tensors. */
  readonly sum: ScalarSum;
  readonly alone: () => void;
}

const SUMS: WorkKind<Waiting> = {
  mostBytes: () => 2 ** 20,
  run(engine, works) {
    if (works.length === 1) {
      works[0].alone();
      return;
    }
    const partial = engine.join(works.map((work) => work.partial), 'first stages of sums');
    const y = engine.join(works.map((work) => work.y), 'sums');
    finishSums(engine, partial.whole, y.whole, works.map(({ sum }, index) => ({ ...sum, from: sum.from + partial.offsets[index], to: sum.to + y.offsets[index] })));
  },
};

/**
 * Lets the second stage of a sum wait for others where it can; otherwise launches it.
 * @param partial first stage, which no later launch writes
 * @param y [1]
 * @param sum its places are counted from the two tensors
 */
export function finishSumTogether(engine: Engine, partial: Tensor, y: Tensor, sum: ScalarSum, alone: () => void): void {
  if (engine.canJoin(partial) && engine.canJoin(y)) engine.postpone(SUMS, { reads: [partial], writes: [y], partial, y, sum, alone });
  else alone();
}
