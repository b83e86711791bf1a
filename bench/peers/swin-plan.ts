/** The blocks of a Swin classifier in order, with the sizes that each peer needs. */
import { blockName, mergeName } from '../../src/model/backbone/specs.js';
import type { ClassifierConfig } from '../../src/model/classifier/index.js';

/** A block of a Swin classifier. */
export interface Block {
  /** Prefix of its parameters. */
  readonly name: string;
  /** Prefix of the patch merging that comes before it; null for most. */
  readonly merge: string | null;
  /** Side of the map. */
  readonly size: number;
  readonly heads: number;
  readonly windowSize: number;
  /** 0 where one window covers the map. */
  readonly shift: number;
}

/** @param imageSize side of the image in pixels */
export function blocksOf({ patchSize, depths, numHeads, windowSize }: ClassifierConfig, imageSize: number): Block[] {
  return depths.flatMap((depth, stage) => {
    const size = imageSize / patchSize / 2 ** stage;
    return Array.from({ length: depth }, (_, block) => ({
      name: blockName('', stage, block),
      merge: stage > 0 && block === 0 ? mergeName('', stage) : null,
      size,
      heads: numHeads[stage],
      windowSize,
      shift: block % 2 === 1 && size > windowSize ? Math.floor(windowSize / 2) : 0,
    }));
  });
}
