/** Second stages of sums over rows that wait for each other: those of a captured backward pass end in one launch. */
import { gridFor, Tensor, type Engine, type Work, type WorkKind } from '../../engine/index.js';
import { elementWidth } from '../elementwise/geometry.js';

/** The second stage of one sum over rows: to[c] = Σ_s partial[from + s · stride + c], everything in floats. */
export interface ColumnSum {
  readonly from: number;
  readonly to: number;
  readonly columns: number;
  readonly shares: number;
  readonly stride: number;
  /** Threads that share a column. */
  readonly slices: number;
}

/** Threads of a workgroup. */
const WORKGROUP = 64;
/** Numbers of a tile in the kernel's table. */
const TILE = 8;

/** One launch for sums whose elements are of one width. It states no work: see `finishColumnSum`. */
function launch(engine: Engine, partial: Tensor, y: Tensor, sums: readonly ColumnSum[], { width, constants }: ReturnType<typeof elementWidth>): void {
  const tiles = sums.flatMap(({ from, to, columns, shares, stride, slices }) => {
    const most = WORKGROUP / slices;
    const count = Math.ceil(columns / width / most);
    return Array.from({ length: count }, (_, tile) => {
      const first = tile * most;
      return [from / width + first, to / width + first, Math.min(most, columns / width - first), shares, stride / width, slices, 0, 0];
    });
  });
  engine.dispatch({
    shader: 'reduction/column_sums_finish',
    constants: { ...constants, SLICED: sums.some(({ slices }) => slices > 1) },
    tensors: { partial, tiles: engine.tensor(Uint32Array.from(tiles.flat()), [tiles.length, TILE]), y },
    params: { tiles: tiles.length },
    workgroups: gridFor(tiles.length, 1),
  });
}

/**
 * Second stages of any number of sums over rows, in one launch, or two where some cannot be read as vec4.
 * @param partial first stages, [any]
 * @param y results, [any]; what no sum names stays as it is
 */
export function finishColumnSums(engine: Engine, partial: Tensor, y: Tensor, sums: readonly ColumnSum[]): void {
  const widthOf = ({ from, to, columns, stride }: ColumnSum) => elementWidth(from, to, columns, stride);
  for (const width of [4, 1]) {
    const some = sums.filter((sum) => widthOf(sum).width === width);
    if (some.length > 0) launch(engine, partial, y, some, widthOf(some[0]));
  }
}

/**
 * Bytes of first stages that may wait, which keep their memory until then: about as many as there are results, so that it
 * is little beside a step's peak (docs/memory.md). The first stages of a large weight go on alone: a launch is nothing
 * beside what they take.
 */
function mostWaitingBytes(resultBytes: number): number {
  return Math.max(LEAST_WAITING_BYTES, Math.min(MOST_WAITING_BYTES, resultBytes));
}

/** A second stage that may wait. */
interface Waiting extends Work {
  /** [shares, stride] */
  readonly partial: Tensor;
  /** Where its sums begin, counted from its own storages; see `ColumnSum`. */
  readonly sums: readonly ColumnSum[];
  /** Storage of all results. */
  readonly results: Tensor['storage'];
  /** Launches it on its own. */
  readonly alone: () => void;
}

const LEAST_WAITING_BYTES = 4 * 2 ** 20;
const MOST_WAITING_BYTES = 16 * 2 ** 20;

/** Runs those whose results lie in one storage, such as the arena of all gradients, in one launch. */
const COLUMN_SUMS: WorkKind<Waiting> = {
  mostBytes: ({ results }) => mostWaitingBytes(results.byteLength),
  run(engine, works) {
    const byStorage = new Map<Tensor['storage'], Waiting[]>();
    for (const work of works) byStorage.set(work.results, [...(byStorage.get(work.results) ?? []), work]);
    for (const [storage, same] of byStorage) {
      if (same.length === 1) {
        same[0].alone();
        continue;
      }
      const { whole, offsets } = engine.join(same.map(({ partial }) => partial), 'first stages of sums');
      const sums = same.flatMap((work, index) => work.sums.map((sum) => ({ ...sum, from: sum.from + offsets[index] })));
      finishColumnSums(engine, whole, new Tensor(storage, [storage.byteLength / 4], 'f32'), sums);
    }
  },
};

/**
 * Lets the second stage of a sum over rows wait for others into the same storage, where it can; otherwise launches it.
 * @param partial [shares, stride]
 * @param offset column at which the sum begins
 * @param results [columns] each, of consecutive columns
 */
export function finishTogether(
  engine: Engine,
  { partial, offset, results, slices }: { readonly partial: Tensor; readonly offset: number; readonly results: readonly Tensor[]; readonly slices: number },
  alone: () => void,
): void {
  const [{ storage }] = results;
  // A result with a storage of its own has no company to wait for.
  const inArena = results.every((result) => result.storage === storage && result.byteLength < storage.byteLength);
  if (!inArena || !engine.canJoin(partial) || partial.byteLength > mostWaitingBytes(storage.byteLength)) {
    alone();
    return;
  }
  const [shares, stride] = partial.shape;
  let from = offset;
  const sums = results.map(({ byteOffset, size: columns }): ColumnSum => {
    from += columns;
    return { from: from - columns, to: byteOffset / 4, columns, shares, stride, slices };
  });
  engine.postpone(COLUMN_SUMS, { reads: [partial], writes: results, partial, sums, results: storage, alone });
}
