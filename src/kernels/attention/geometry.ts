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

/** Which file computes a pass, specialised how, and how many of its items one workgroup takes. */
export interface KernelChoice {
  readonly shader: string;
  readonly constants: Readonly<Record<string, number | boolean | string>>;
  /** 'direct': an item is an invocation's; 'shared': an item is a group of invocations with workgroup memory. */
  readonly kind: 'direct' | 'shared';
  readonly itemsPerWorkgroup: number;
}

/**
 * Family 'attention-forward' or 'attention-backward': 'shared' always fits; 'direct' takes windows whose scores fit
 * private memory in the backward pass, and all in the forward pass.
 */
function chooseKind(engine: Engine, geometry: WindowGeometry, tokens: number, pass: 'forward' | 'backward'): 'direct' | 'shared' {
  const { batch: b, height: h, width: w, channels: c, heads: a, windowSize: s, shiftX, shiftY } = geometry;
  const candidates = pass === 'forward' || tokens <= MAX_DIRECT_TOKENS ? (['shared', 'direct'] as const) : (['shared'] as const);
  const byRule = engine.info.software && candidates.length > 1 ? 'direct' : 'shared';
  const problem = problemKey({ b, h, w, c, a, s }, { shifted: shiftX + shiftY > 0 });
  return engine.choose<'direct' | 'shared'>(`attention-${pass}`, candidates, byRule, problem);
}

/**
 * A software adapter pays for workgroup memory and barriers in every subgroup, more than for loads: it gets kernels
 * without either (two to three times as fast there), as far as a window's scores fit private memory.
 */
export function chooseKernel(engine: Engine, geometry: WindowGeometry, pass: 'forward' | 'backward'): KernelChoice {
  const { headDim, windowSize, shiftX, shiftY, paddingTokens } = geometry;
  const vectorised = headDim % 4 === 0;
  const common = {
    element: vectorised ? 'vec4<f32>' : 'f32',
    WIDTH: vectorised ? 4 : 1,
    WINDOW: windowSize,
    HEAD_DIM: headDim,
    SHIFTED: shiftX + shiftY > 0,
    PADDED: paddingTokens > 0,
  };
  const name = pass === 'forward' ? 'attention/window_attention' : 'attention/window_attention_backward';
  const tokens = Math.ceil(windowSize ** 2 / 4) * 4;
  if (chooseKind(engine, geometry, tokens, pass) === 'direct') {
    const invocations = pass === 'forward' ? 32 : 4;
    return { shader: `${name}_direct`, constants: { ...common, INVOCATIONS: invocations }, kind: 'direct', itemsPerWorkgroup: invocations };
  }
  // One 4 x 4 tile per invocation for the 16 tokens of a window of 4; 64 invocations share a larger window.
  const lanes = tokens <= 4 ? 4 : tokens <= 16 ? 16 : 64;
  const rowBytes = tokens * 4 * (pass === 'forward' ? 1 : 2);
  const slots = Math.max(1, Math.min(64 / lanes, Math.floor(SCORE_BYTES / (rowBytes * tokens))));
  const rows = Math.min(tokens, Math.floor(SCORE_BYTES / slots / rowBytes / 4) * 4);
  return { shader: name, constants: { ...common, LANES: lanes, SLOTS: slots, ROWS: rows }, kind: 'shared', itemsPerWorkgroup: slots };
}
