/** Which layer norm kernels take rows of a given length, and how they are launched. */
import { gridFor, type Engine, type Workgroups } from '../../engine/index.js';
import { problemKey } from '../problem-key.js';

/** 'reread': shaders layer_norm and layer_norm_backward. 'kept' and 'quad': those with that ending. */
export type LayerNormVariant = 'reread' | 'kept' | 'quad';

/** Lanes of a row of `kept` at most: more would wait for each other's sums longer. */
const MOST_LANES = 32;
/** Pieces of a row in a lane's registers at most: of `kept` by pass, and of `quad`, whose code names each. */
const MOST_KEPT = { forward: 12, backward: 6 } as const;
const MOST_QUAD = 12;
/** Pieces that a lane of `kept` should have at least, where the row is long enough. */
const WANTED_PIECES = 3;

/** Threads of a workgroup of `kept`; quads of one of `quad`. */
const WORKGROUP = 64;
const QUADS = 4;
/** Workgroups of `quad`: enough for the threads of a software adapter, few shares to add up after the backward pass. */
const QUAD_WORKGROUPS = { forward: 64, backward: 16 } as const;
/** Workgroups of `kept` backward at most, and turns of each at least: both keep the shares small beside what is read. */
const KEPT_WORKGROUPS = 1024;
const KEPT_TURNS = 4;

/** A launch of `kept` or `quad`. */
export interface LayerNormLaunch {
  readonly variant: 'kept' | 'quad';
  readonly constants: Readonly<Record<string, number>>;
  readonly params: Readonly<Record<string, number>>;
  readonly workgroups: Workgroups;
  /** Shares of the gradients of weight and bias that the backward pass leaves. */
  readonly shares: number;
}

/** Lanes and pieces of `kept` for rows of `vectors` vec4s. */
function lanesOf(vectors: number): { lanes: number; pieces: number } {
  let lanes = 8;
  while (lanes < MOST_LANES && vectors > WANTED_PIECES * lanes) lanes *= 2;
  return { lanes, pieces: Math.ceil(vectors / lanes) };
}

function keptLaunch(pass: 'forward' | 'backward', rows: number, vectors: number): LayerNormLaunch {
  const { lanes, pieces } = lanesOf(vectors);
  const constants = { LANES: lanes, PIECES: pieces };
  if (pass === 'forward') return { variant: 'kept', constants, params: { columns: vectors }, workgroups: gridFor(rows * lanes), shares: 0 };
  const blocks = Math.ceil((rows * lanes) / WORKGROUP);
  const turns = Math.max(KEPT_TURNS, Math.ceil(blocks / KEPT_WORKGROUPS));
  const shares = Math.ceil(blocks / turns);
  return { variant: 'kept', constants, params: { columns: vectors, turns }, workgroups: [shares], shares };
}

function quadLaunch(pass: 'forward' | 'backward', rows: number, pieces: number): LayerNormLaunch {
  const workgroups = Math.min(QUAD_WORKGROUPS[pass], Math.ceil(rows / QUADS));
  const shares = QUADS * workgroups;
  return { variant: 'quad', constants: { PIECES: pieces }, params: { turns: Math.ceil(rows / shares) }, workgroups: [workgroups], shares };
}

/**
 * The launch that the engine chooses for rows of `columns` floats (family 'layer-norm'): `quad` on a software adapter,
 * `kept` on a GPU, where they take such rows; null for `reread`, which takes all.
 * @param half whether the result is f16
 */
export function layerNormLaunch(engine: Engine, pass: 'forward' | 'backward', rows: number, columns: number, half = false): LayerNormLaunch | null {
  const vectors = columns / 4;
  const kept = Number.isInteger(vectors) && lanesOf(vectors).pieces <= MOST_KEPT[pass];
  const quad = columns % 16 === 0 && columns / 16 <= MOST_QUAD && engine.device.features.has('subgroups');
  const candidates: LayerNormVariant[] = ['reread', ...(kept ? (['kept'] as const) : []), ...(quad ? (['quad'] as const) : [])];
  const preferred: LayerNormVariant = engine.info.software ? 'quad' : 'kept';
  const byRule = candidates.includes(preferred) ? preferred : 'reread';
  const variant = engine.choose('layer-norm', candidates, byRule, problemKey({ r: rows, c: columns }, { backward: pass === 'backward', halfY: half }));
  if (variant === 'kept') return keptLaunch(pass, rows, vectors);
  return variant === 'quad' ? quadLaunch(pass, rows, columns / 16) : null;
}
