/** What suites know of the device, and how they stay within its time. */
import type { Engine } from '../../src/engine/index.js';
import type { Peer } from '../peers/peer.js';
import { stageChannels, stageSize, type Preset } from '../../src/model/presets.js';

/** A run is expected to reach this share of the measured multiply-add peak at least; slower kernels exceed the limit. */
export const ASSUMED_SHARE = 0.05;

/** The device that suites are made for, and its limits. */
export interface SuiteContext {
  readonly engine: Engine;
  /** Operations that one run may have. */
  readonly flopsLimit: number;
  /** Bytes that one row may keep on the device. */
  readonly bytesLimit: number;
  /** Seconds behind `flopsLimit`, for the words. */
  readonly runLimit: number;
  /** Other libraries that could be loaded. */
  readonly peers: readonly Peer[];
  /** Collects what is left out. */
  skip(what: string, why: string): void;
}

/** The largest of the candidates (largest first) that the device runs in time; says what it gave up. */
export function largestThatFits(
  context: SuiteContext,
  what: string,
  candidates: readonly number[],
  cost: (candidate: number) => { readonly flops: number; readonly bytes: number },
): number | null {
  const fits = candidates.find((candidate) => {
    const { flops, bytes } = cost(candidate);
    return flops <= context.flopsLimit && bytes <= context.bytesLimit;
  });
  if (fits === candidates[0]) return fits;
  const { flops, bytes } = cost(candidates[0]);
  const reason =
    flops > context.flopsLimit
      ? `one run of ${(flops / 1e9).toPrecision(3)} GFLOP may take more than ${context.runLimit} s here`
      : `it keeps ${(bytes / 2 ** 20).toFixed(0)} MiB, more than ${(context.bytesLimit / 2 ** 20).toFixed(0)} MiB are allowed here`;
  context.skip(fits === undefined ? what : `${what} at ${candidates[0]}`, fits === undefined ? reason : `scaled down to ${fits}: ${reason}`);
  return fits ?? null;
}

/** One stage of a preset's backbone. */
export interface Stage {
  readonly model: string;
  readonly stage: number;
  /** Side of the map. */
  readonly size: number;
  readonly channels: number;
  readonly heads: number;
  readonly windowSize: number;
  readonly hidden: number;
  /** Cyclic shift of the odd blocks, 0 where one window covers the map. */
  readonly shift: number;
  readonly pooled: boolean;
}

/** All stages of a preset, the first one first. */
export function stagesOf({ name, backbone }: Preset): Stage[] {
  return backbone.depths.map((depth, stage) => {
    const size = stageSize(backbone, stage);
    const channels = stageChannels(backbone, stage);
    return {
      model: name,
      stage,
      size,
      channels,
      heads: backbone.heads[stage],
      windowSize: backbone.windowSize,
      hidden: backbone.mlpRatio * channels,
      shift: depth > 1 && size > backbone.windowSize ? Math.floor(backbone.windowSize / 2) : 0,
      pooled: backbone.poolStages.includes(stage),
    };
  });
}

/** Operations and bytes of a block's parts for a batch, by the linear layers, which are most of it. */
export function blockCost({ size, channels, hidden }: Stage, batch: number): { flops: number; bytes: number } {
  const tokens = batch * size * size;
  return { flops: 2 * tokens * channels * Math.max(3 * channels, hidden), bytes: 4 * tokens * 3 * Math.max(3 * channels, hidden) };
}
