/**
 * One small training run whose every bit is kept: what the determinism tests repeat in this process, in a new one and
 * in Chrome. Runs anywhere: no Node, no DOM.
 */
import { BP4D_AUS } from '../src/data/action-units.js';
import { LANDMARK_COUNT, type FaceDataset } from '../src/data/dataset.js';
import { RandomStream } from '../src/data/faces/philox.js';
import type { Engine } from '../src/engine/index.js';
import { decodeSnapshot, encodeSnapshot } from '../src/model/checkpoint/training-state.js';
import { PRESETS, type Preset } from '../src/model/presets.js';
import { SelfSupervisedTrainer, type StepMetrics } from '../src/model/trainer.js';

/** Steps of a whole run, and the step after which it is interrupted. */
export const STEPS = 50;
export const CHECKPOINT = 25;
const BATCH = 4;

/**
 * The tiny preset's structure in its smallest size: all four losses, gradients through the transport plan (so that the
 * backward of Sinkhorn runs too), relaxed marginals, and every augmentation.
 */
const PRESET: Preset = {
  ...PRESETS.tiny,
  backbone: { ...PRESETS.tiny.backbone, imageSize: 32, embedDim: 16, heads: [1, 2] },
  heads: { hiddenDim: 32, projectionDim: 16 },
  objective: {
    ...PRESETS.tiny.objective,
    global: 0.25,
    region: 1,
    contrast: 1,
    relation: 0.5,
    relationIterations: 10,
    relationThroughPlan: true,
    relationRho: 1,
  },
  augmentation: { ...PRESETS.tiny.augmentation, grey: 0.2, blur: [0.5, 0.5] },
};

/** Pictures of noise with landmarks strewn over them: as good as faces where only bits are compared. */
function noise(count: number, imageSize: number): FaceDataset {
  const random = new RandomStream(7, 1, 0);
  const draw = (length: number, low: number, high: number) => Float32Array.from({ length }, () => random.uniform(low, high));
  return {
    source: 'noise',
    count,
    imageSize,
    images: Uint8Array.from(draw(count * imageSize * imageSize * 4, 0, 256)),
    landmarks: draw(count * LANDMARK_COUNT * 2, 0.1 * imageSize, 0.9 * imageSize),
    actionUnits: BP4D_AUS,
    labels: Uint8Array.from(draw(count * BP4D_AUS.length, 0, 2)),
    identities: Int32Array.from({ length: count }, (_, face) => face % 4),
    identityNames: ['a', 'b', 'c', 'd'],
  };
}

/** Everything a run leaves behind. */
export interface RunResult {
  /** Every number that is logged, step by step. */
  readonly metrics: readonly StepMetrics[];
  /** The checkpoint at the end: network, target network, AdamW's moments, relation prior and step. */
  readonly checkpoint: Uint8Array<ArrayBuffer>;
  /** The checkpoint after step CHECKPOINT, where it was asked for. */
  readonly halfway?: Uint8Array<ArrayBuffer>;
}

export interface RunOptions {
  /** Goes on from this checkpoint instead of starting anew. */
  readonly from?: Uint8Array;
  /** Stops after this step of the 50 that the schedules are made for. */
  readonly until?: number;
  readonly seed?: number;
  /** Takes a checkpoint after step CHECKPOINT too, and goes on. */
  readonly halfway?: boolean;
}

/** Trains on an engine, inside a scope of its own. */
export function trainingRun(engine: Engine, { from, until = STEPS, seed = 3, halfway = false }: RunOptions = {}): Promise<RunResult> {
  return engine.scope(async () => {
    const trainer = await SelfSupervisedTrainer.create(engine, { preset: PRESET, data: noise(16, 36), batch: BATCH, steps: STEPS, seed });
    if (from) trainer.restore(decodeSnapshot(from, 'checkpoint.safetensors'));
    const metrics: StepMetrics[] = [];
    const train = async (to: number) => {
      await trainer.train((step) => void metrics.push(step), to);
      return encodeSnapshot(await trainer.snapshot());
    };
    const half = halfway ? { halfway: await train(CHECKPOINT) } : {};
    const checkpoint = await train(until);
    trainer.destroy();
    return { metrics, checkpoint, ...half };
  });
}

/** Runs as text, to carry them out of another process or a page: JSON keeps every bit of a finite number. */
export function encodeResults(results: readonly RunResult[]): string {
  return JSON.stringify(
    results.map(({ metrics, checkpoint, halfway }) => ({ metrics, checkpoint: Array.from(checkpoint), ...(halfway ? { halfway: Array.from(halfway) } : {}) })),
  );
}

/** Reads what encodeResults wrote. */
export function decodeResults(text: string): RunResult[] {
  const results = JSON.parse(text) as { metrics: StepMetrics[]; checkpoint: number[]; halfway?: number[] }[];
  return results.map(({ metrics, checkpoint, halfway }) => ({
    metrics,
    checkpoint: Uint8Array.from(checkpoint),
    ...(halfway ? { halfway: Uint8Array.from(halfway) } : {}),
  }));
}
