import { formatShape, ShapeError, type Engine, type Tensor } from '../../engine/index.js';
import { problemKey } from '../problem-key.js';

/** What a window attention is called with, besides its tensors. */
export interface WindowAttentionOptions {
  readonly heads: number;
  /** Side of a window in tokens, 2 to 12. */
  readonly windowSize: number;
  /** Cyclic shift in tokens, 0 to windowSize - 1; taken as 0 on an axis whose map is no larger than a window. */
  readonly shift: number;
  /**
   * [3C]: what q, k and v of a padding token are. Padding tokens are zero before the qkv projection, so this is
   * the projection's bias. Zeros when left out; not looked at when the map is a multiple of the window.
   */
  readonly padQkv?: Tensor;
}

/** Sizes that follow from the shapes. */
export interface WindowGeometry {
  readonly batch: number;
  readonly height: number;
  readonly width: number;
  readonly channels: number;
  readonly heads: number;
  readonly headDim: number;
  readonly windowSize: number;
  readonly windowsY: number;
  readonly windowsX: number;
  readonly shiftY: number;
  readonly shiftX: number;
  /** Padding tokens of one image: (padded height · padded width) - height · width. */
  readonly paddingTokens: number;
}

const MAX_HEAD_DIM = 128;

/** @throws {ShapeError} when qkv, the table, padQkv and the options do not fit each other. */
export function windowGeometry(qkv: Tensor, table: Tensor, options: WindowAttentionOptions): WindowGeometry {
  const { heads, windowSize, shift, padQkv } = options;
  if (qkv.shape.length !== 4 || qkv.shape[3] % 3 !== 0) {
    throw new ShapeError(`windowAttention: qkv has shape ${formatShape(qkv.shape)}, expected [B, H, W, 3C].`);
  }
  const [batch, height, width, triple] = qkv.shape;
  const channels = triple / 3;
  if (!Number.isInteger(heads) || heads < 1 || channels % heads !== 0 || channels / heads > MAX_HEAD_DIM) {
    throw new ShapeError(
      `windowAttention: ${channels} channels cannot be split into ${heads} heads of at most ${MAX_HEAD_DIM} channels each.`,
    );
  }
  if (!Number.isInteger(windowSize) || windowSize < 2 || windowSize > 12) {
    throw new ShapeError(`windowAttention: the window size is ${windowSize}, expected 2 to 12 tokens.`);
  }
  if (!Number.isInteger(shift) || shift < 0 || shift >= windowSize) {
    throw new ShapeError(`windowAttention: the shift is ${shift}, expected 0 to ${windowSize - 1} for windows of ${windowSize}.`);
  }
  const entries = (2 * windowSize - 1) ** 2;
  if (table.shape.length !== 2 || table.shape[0] !== entries || table.shape[1] !== heads) {
    throw new ShapeError(`windowAttention: the bias table has shape ${formatShape(table.shape)}, expected [${entries}, ${heads}].`);
  }
  if (padQkv && padQkv.size !== triple) {
    throw new ShapeError(`windowAttention: padQkv has shape ${formatShape(padQkv.shape)}, expected [${triple}].`);
  }
  const windowsY = Math.ceil(height / windowSize);
  const windowsX = Math.ceil(width / windowSize);
  return {
    batch,
    height,
    width,
    channels,
    heads,
    headDim: channels / heads,
    windowSize,
    windowsY,
    windowsX,
    shiftY: windowsY > 1 ? shift : 0,
    shiftX: windowsX > 1 ? shift : 0,
    paddingTokens: windowsY * windowsX * windowSize ** 2 - height * width,
  };
}

/** Bytes of workgroup memory for score rows: the guaranteed 16 KiB less what places, codes and sums take. */
const SCORE_BYTES = 12 * 1024;

/** Tokens of a window whose probabilities a single invocation keeps in private memory. */
const MAX_DIRECT_TOKENS = 16;

/** Channels of a head whose rows a lane of a quad keeps in registers. */
const MAX_QUAD_HEAD_DIM = 32;

type Kind = 'shared' | 'direct' | 'quad';

/** Which file computes a pass, specialised how, and how its workgroups are counted. */
export interface KernelChoice {
  readonly shader: string;
  readonly constants: Readonly<Record<string, number | boolean | string>>;
  /** 'direct': an item is an invocation's; 'shared': an item is a group of invocations with workgroup memory; 'quad': an item is four lanes'. */
  readonly kind: Kind;
  readonly itemsPerWorkgroup: number;
  /** Items of a (window, head) pair in the forward pass. */
  readonly itemsPerPair: number;
}

/**
 * The variants that take a problem: 'shared' takes all; 'direct' windows whose scores fit private memory in the backward
 * pass, and all in the forward pass; 'quad' maps without padding and heads of 4 to 32 channels, a multiple of 4.
 */
function candidatesOf(engine: Engine, { windowSize, headDim, paddingTokens }: WindowGeometry, pass: 'forward' | 'backward'): Kind[] {
  const direct = pass === 'forward' || windowSize ** 2 <= MAX_DIRECT_TOKENS;
  const quad = engine.device.features.has('subgroups') && paddingTokens === 0 && headDim % 4 === 0 && headDim <= MAX_QUAD_HEAD_DIM;
  return ['shared', ...(direct ? (['direct'] as const) : []), ...(quad ? (['quad'] as const) : [])];
}

function chooseKind(engine: Engine, geometry: WindowGeometry, pass: 'forward' | 'backward'): Kind {
  const { batch: b, height: h, width: w, channels: c, heads: a, windowSize: s, shiftX, shiftY } = geometry;
  const candidates = candidatesOf(engine, geometry, pass);
  const byRule = engine.info.software ? (['quad', 'direct', 'shared'] as const).find((kind) => candidates.includes(kind)) : 'shared';
  const problem = problemKey({ b, h, w, c, a, s }, { shifted: shiftX + shiftY > 0 });
  return engine.choose<Kind>(`attention-${pass}`, candidates, byRule ?? 'shared', problem);
}

/**
 * A software adapter pays for workgroup memory and barriers in every subgroup, and most of all for loads: it gets
 * kernels that share loads within a quad of lanes where they can, and otherwise ones in which each invocation works alone.
 */
export function chooseKernel(engine: Engine, geometry: WindowGeometry, pass: 'forward' | 'backward'): KernelChoice {
  const { headDim, windowSize, shiftX, shiftY, paddingTokens } = geometry;
  const kind = chooseKind(engine, geometry, pass);
  const name = pass === 'forward' ? 'attention/window_attention' : 'attention/window_attention_backward';
  const shape = { WINDOW: windowSize, HEAD_DIM: headDim };
  if (kind === 'quad') {
    const rows = windowSize <= 4 ? 4 : 7;
    const itemsPerPair = Math.ceil(windowSize ** 2 / (4 * rows));
    return { shader: `${name}_quad`, constants: { ...shape, TALL: rows === 7 }, kind, itemsPerWorkgroup: 1, itemsPerPair };
  }
  const vectorised = headDim % 4 === 0;
  const common = {
    ...shape,
    SHIFTED: shiftX + shiftY > 0,
    element: vectorised ? 'vec4<f32>' : 'f32',
    WIDTH: vectorised ? 4 : 1,
    PADDED: paddingTokens > 0,
  };
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
