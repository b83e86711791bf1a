/** Which softmax kernels take rows of a given length, and how they are launched. */
import { gridFor, type Engine, type Workgroups } from '../../engine/index.js';
import { elementWidth } from '../elementwise/geometry.js';
import { problemKey } from '../problem-key.js';

/** 'reread': shaders softmax and softmax_backward. 'kept' and 'quad': those with that ending. */
export type SoftmaxVariant = 'reread' | 'kept' | 'quad';

/** Threads of a workgroup of `kept`; the lanes of a row, and the elements that a lane keeps, at most. */
const WORKGROUP = 128;
const MOST_LANES = 32;
const MOST_KEPT = 8;
/** Elements that a lane of `quad` keeps at most (its code names each), quads of a workgroup, and workgroups at most. */
const MOST_QUAD = 16;
const QUADS = 4;
const QUAD_WORKGROUPS = 64;

/** A launch of `kept` or `quad`. */
export interface SoftmaxLaunch {
  readonly variant: 'kept' | 'quad';
  readonly constants: Readonly<Record<string, number | string>>;
  readonly params: Readonly<Record<string, number>>;
  readonly workgroups: Workgroups;
}

/** Lanes of `kept` for rows of so many elements: few, since each reads what all have to say; 4 where they are enough. */
function lanesOf(elements: number): number {
  if (elements <= 4) return 4;
  let lanes = 8;
  while (lanes < MOST_LANES && elements > MOST_KEPT * lanes) lanes *= 2;
  return lanes;
}

/**
 * The launch that the engine chooses for rows of `columns` floats (family 'softmax'), forward or backward: `quad` on a
 * software adapter, `kept` on a GPU, where they take such rows; null for `reread`, which takes all.
 */
export function softmaxLaunch(engine: Engine, pass: 'forward' | 'backward', rows: number, columns: number): SoftmaxLaunch | null {
  const { width, constants } = elementWidth(columns);
  const elements = columns / width;
  const lanes = lanesOf(elements);
  const kept = Math.ceil(elements / lanes);
  const pieces = Math.ceil(elements / 4);
  const candidates: SoftmaxVariant[] = [
    'reread',
    ...(kept <= MOST_KEPT ? (['kept'] as const) : []),
    ...(pieces <= MOST_QUAD && engine.device.features.has('subgroups') ? (['quad'] as const) : []),
  ];
  const preferred: SoftmaxVariant = engine.info.software ? 'quad' : 'kept';
  const byRule = candidates.includes(preferred) ? preferred : 'reread';
  const variant = engine.choose('softmax', candidates, byRule, problemKey({ r: rows, c: columns }, { backward: pass === 'backward' }));
  const shared = { WIDTH: width, ...constants };
  if (variant === 'kept') {
    return { variant, constants: { LANES: lanes, PIECES: kept, ...shared }, params: { rows, columns: elements }, workgroups: gridFor(rows * lanes, WORKGROUP) };
  }
  if (variant === 'reread') return null;
  const workgroups = Math.min(QUAD_WORKGROUPS, Math.ceil(rows / QUADS));
  const turns = Math.ceil(rows / (QUADS * workgroups));
  return { variant, constants: { PIECES: pieces, ...shared }, params: { rows, columns: elements, turns }, workgroups: [workgroups] };
}
