/** Which attention kernel runs where: variants by problem and device, and the constants that specialise them. */
import type { Engine } from '../../engine/index.js';
import { problemKey } from '../problem-key.js';
import type { WindowGeometry } from './geometry.js';

/** 'shared' in window_attention.wgsl, the others in window_attention_<kind>.wgsl; the backward pass likewise. */
export type AttentionKind = 'shared' | 'rows' | 'direct' | 'quad';

/** The attention kernel, or that of its gradients: each has its own variants, families 'attention-forward' and 'attention-backward'. */
export type AttentionPass = 'forward' | 'backward';

/** Bytes of workgroup memory that WebGPU guarantees. */
const WORKGROUP_BYTES = 16 * 1024;

/** What 'rows' may lose of them between its arrays, each of which begins at a multiple of 16. */
const ROWS_GAPS = 6 * 16;

/** Bytes of workgroup memory for score rows: the guaranteed ones less what places, codes and sums take. */
const SCORE_BYTES = 12 * 1024;

/** Tokens of a window whose probabilities a single invocation keeps in private memory. */
const MAX_DIRECT_TOKENS = 16;

/** Channels of a head that an invocation keeps in registers. */
const MAX_REGISTER_HEAD_DIM = 32;

/** Invocations that 'rows' may give a window: one per token, in a whole number of a GPU's subgroups. */
const ROW_LANES = [4, 16, 32, 64, 128] as const;

/** Invocations of a workgroup that 'rows' fills with several small windows. */
const ROW_INVOCATIONS = 64;

/** Which file computes a pass, specialised how, and how its workgroups are counted. */
export interface KernelChoice {
  readonly shader: string;
  readonly constants: Readonly<Record<string, number | boolean | string>>;
  readonly kind: AttentionKind;
  /** What an item is differs: an invocation's rows for 'direct', four lanes' for 'quad', a (window, head) pair otherwise. */
  readonly itemsPerWorkgroup: number;
  /** Items of a (window, head) pair in the forward pass. */
  readonly itemsPerPair: number;
}

/**
 * Bytes of workgroup memory that 'rows' takes for a window: keys, values and a head's column of the table; in the backward
 * pass also the slopes of a line of keys, and two numbers for each query.
 */
function rowsBytes({ windowSize, headDim }: WindowGeometry, pass: AttentionPass): number {
  const tokens = windowSize ** 2;
  return 8 * tokens * headDim + 4 * (2 * windowSize - 1) ** 2 + (pass === 'forward' ? 0 : 4 * tokens * (windowSize + 2));
}

/**
 * The variants that take a problem. 'shared' takes all; 'direct' windows whose scores fit private memory in the backward
 * pass, and all in the forward pass. 'rows' and 'quad' take maps without padding whose heads have 4 to 32 channels, a
 * multiple of 4; 'rows' also has to hold a window's keys and values in workgroup memory.
 */
function candidatesOf(engine: Engine, geometry: WindowGeometry, pass: AttentionPass): AttentionKind[] {
  const { windowSize, headDim, paddingTokens } = geometry;
  const plain = paddingTokens === 0 && headDim % 4 === 0 && headDim <= MAX_REGISTER_HEAD_DIM;
  const candidates: AttentionKind[] = ['shared'];
  if (plain && windowSize ** 2 <= ROW_LANES[4] && rowsBytes(geometry, pass) + ROWS_GAPS <= WORKGROUP_BYTES) candidates.push('rows');
  if (pass === 'forward' || windowSize ** 2 <= MAX_DIRECT_TOKENS) candidates.push('direct');
  if (plain && engine.device.features.has('subgroups')) candidates.push('quad');
  return candidates;
}

/**
 * The rule: a software adapter pays for workgroup memory and barriers in every subgroup, and most of all for loads. It
 * gets kernels that share loads within a quad of lanes where they can, and otherwise ones in which each invocation
 * works alone. No GPU was at hand to measure: by design a GPU gets 'rows', whose subgroups read whole runs of memory where
 * those of 'shared' read 16 bytes here and there, until `zygo tune` has measured.
 */
function chooseKind(engine: Engine, geometry: WindowGeometry, pass: AttentionPass): AttentionKind {
  const { batch: b, height: h, width: w, channels: c, heads: a, windowSize: s, shiftX, shiftY } = geometry;
  const candidates = candidatesOf(engine, geometry, pass);
  const preferred: readonly AttentionKind[] = engine.info.software ? ['quad', 'direct', 'shared'] : ['rows', 'shared'];
  const byRule = preferred.find((kind) => candidates.includes(kind)) ?? 'shared';
  return engine.choose(`attention-${pass}`, candidates, byRule, problemKey({ b, h, w, c, a, s }, { shifted: shiftX + shiftY > 0 }));
}

/** The kernel of a pass, as the engine chooses it. */
export function chooseKernel(engine: Engine, geometry: WindowGeometry, pass: AttentionPass): KernelChoice {
  const { headDim, windowSize, shiftX, shiftY, paddingTokens } = geometry;
  const kind = chooseKind(engine, geometry, pass);
  const name = pass === 'forward' ? 'attention/window_attention' : 'attention/window_attention_backward';
  const shape = { WINDOW: windowSize, HEAD_DIM: headDim };
  const SHIFTED = shiftX + shiftY > 0;
  if (kind === 'quad') {
    const rows = windowSize <= 4 ? 4 : 7;
    const itemsPerPair = Math.ceil(windowSize ** 2 / (4 * rows));
    return { shader: `${name}_quad`, constants: { ...shape, TALL: rows === 7 }, kind, itemsPerWorkgroup: 1, itemsPerPair };
  }
  if (kind === 'rows') {
    const lanes = ROW_LANES.find((count) => count >= windowSize ** 2) ?? ROW_LANES[4];
    const slots = Math.max(1, Math.min(Math.floor(ROW_INVOCATIONS / lanes), Math.floor((WORKGROUP_BYTES - ROWS_GAPS) / rowsBytes(geometry, pass))));
    return { shader: `${name}_rows`, constants: { ...shape, SHIFTED, LANES: lanes, SLOTS: slots }, kind, itemsPerWorkgroup: slots, itemsPerPair: 1 };
  }
  const vectorised = headDim % 4 === 0;
  const common = { ...shape, SHIFTED, element: vectorised ? 'vec4<f32>' : 'f32', WIDTH: vectorised ? 4 : 1, PADDED: paddingTokens > 0 };
  const tokens = Math.ceil(windowSize ** 2 / 4) * 4;
  if (kind === 'direct') {
    const invocations = pass === 'forward' ? 32 : 4;
    return { shader: `${name}_direct`, constants: { ...common, INVOCATIONS: invocations }, kind, itemsPerWorkgroup: invocations, itemsPerPair: tokens / 4 };
  }
  // One 4 x 4 tile per invocation for the 16 tokens of a window of 4; 64 invocations share a larger window.
  const lanes = tokens <= 4 ? 4 : tokens <= 16 ? 16 : 64;
  const rowBytes = tokens * 4 * (pass === 'forward' ? 1 : 2);
  const slots = Math.max(1, Math.min(64 / lanes, Math.floor(SCORE_BYTES / (rowBytes * tokens))));
  const rows = Math.min(tokens, Math.floor(SCORE_BYTES / slots / rowBytes / 4) * 4);
  return { shader: name, constants: { ...common, LANES: lanes, SLOTS: slots, ROWS: rows }, kind, itemsPerWorkgroup: slots, itemsPerPair: 1 };
}
