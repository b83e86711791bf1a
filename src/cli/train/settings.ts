/** From the options of `zygo train` to everything that a run does; nothing is read or written here. */
import type { FaceMode } from '../../data/faces/au-statistics.js';
import { InputError } from '../../engine/errors.js';
import { microBatchSize } from '../../model/micro-batches.js';
import { presetNamed, withImageSize, type Budget, type Preset } from '../../model/presets.js';
import type { Precision } from '../../model/precision.js';
import type { LossWeights } from '../options.js';

/** Options of `zygo train`, as read. */
export interface TrainOptions {
  readonly preset: string;
  readonly data?: string;
  readonly out?: string;
  readonly seed: number;
  readonly statistics: FaceMode;
  readonly budget: 'full' | 'demo';
  readonly steps?: number;
  readonly batch?: number;
  readonly faces?: number;
  readonly imageSize?: number;
  readonly lossWeights?: LossWeights;
  /** 'f32' when left out. */
  readonly precision?: Precision;
  /** Micro-batches of a step; 1 when left out. */
  readonly accumulate?: number;
  /** False when left out. */
  readonly checkpointActivations?: boolean;
  readonly globalOnly: boolean;
  readonly supervised: boolean;
  readonly checkpointEvery: number;
  readonly resume?: string;
  /** False leaves every choice of a kernel to the rules; true when left out. */
  readonly tuned?: boolean;
  /** True opens the device for Dawn's experimental subgroup matrices; false when left out. */
  readonly subgroupMatrix?: boolean;
  readonly adapter: 'auto' | 'software';
  readonly verbose: boolean;
}

/** Where the faces come from. */
export type DataSource = { readonly kind: 'synthetic'; readonly statistics: FaceMode } | { readonly kind: 'folder'; readonly folder: string };

/** What a run does. */
export interface TrainSettings {
  /** With the options' image size and loss weights in it. */
  readonly preset: Preset;
  readonly budget: Budget;
  readonly seed: number;
  readonly precision: Precision;
  /** Micro-batches that a step's batch is computed in. */
  readonly accumulate: number;
  /** Compute activations again in the backward pass instead of keeping them. */
  readonly checkpointActivations: boolean;
  readonly source: DataSource;
  /** Steps between checkpoints. */
  readonly checkpointEvery: number;
  readonly adapter: 'auto' | 'software';
}

/** The smallest share of people in a scaled-down set of faces: cross-validation needs a few. */
const MIN_IDENTITIES = 8;

function scaledBudget(budget: Budget, { steps, batch, faces, globalOnly, supervised }: TrainOptions): Budget {
  const ofSteps = (count: number, wanted: boolean) =>
    !wanted || count === 0 ? 0 : steps === undefined ? count : Math.max(1, Math.round((count * steps) / budget.steps));
  const ofFaces = (count: number, least: number) =>
    faces === undefined ? count : Math.min(faces, Math.max(least, Math.round((count * faces) / budget.faces)));
  return {
    faces: faces ?? budget.faces,
    identities: ofFaces(budget.identities, MIN_IDENTITIES),
    testFaces: ofFaces(budget.testFaces, MIN_IDENTITIES),
    testIdentities: Math.min(ofFaces(budget.testIdentities, MIN_IDENTITIES), ofFaces(budget.testFaces, MIN_IDENTITIES)),
    batch: batch ?? budget.batch,
    steps: steps ?? budget.steps,
    globalOnlySteps: ofSteps(budget.globalOnlySteps, globalOnly),
    supervisedSteps: ofSteps(budget.supervisedSteps, supervised),
  };
}

/**
 * Everything that follows from the options.
 * @param given names of the options that were given on the command line (others hold defaults)
 * @throws {InputError} for an unknown preset, sizes that do not fit, a batch that cannot be divided, all losses off, or options that exclude each other
 */
export function resolveSettings(options: TrainOptions, given: ReadonlySet<string>): TrainSettings {
  const { data, seed, statistics, budget, imageSize, lossWeights, precision = 'f32', accumulate = 1, checkpointActivations = false, checkpointEvery, adapter } = options;
  const named = presetNamed(options.preset);
  const sized = imageSize === undefined ? named : withImageSize(named, imageSize);
  const objective = { ...sized.objective, ...lossWeights };
  if (objective.global + objective.region + objective.contrast + objective.relation === 0) {
    throw new InputError('Option --loss-weights switches every loss off: expected at least one weight above 0.');
  }
  if (data !== undefined) {
    const clash = ['statistics', 'faces'].find((name) => given.has(name));
    if (clash) throw new InputError(`Option --${clash} is for synthetic faces and cannot stand beside --data ${data}.`);
  }
  const scaled = scaledBudget(named[budget], options);
  microBatchSize(scaled.batch, accumulate);
  return {
    preset: { ...sized, objective },
    budget: scaled,
    seed,
    precision,
    accumulate,
    checkpointActivations,
    source: data === undefined ? { kind: 'synthetic', statistics } : { kind: 'folder', folder: data },
    checkpointEvery,
    adapter,
  };
}
