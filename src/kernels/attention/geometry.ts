import { formatShape, ShapeError, type Tensor } from '../../engine/index.js';

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
