/** What a run folder records and what a report shows. Plain data, free of any platform. */
import type { ActionUnit } from '../data/action-units.js';

/** F1 of one method on the test faces, all in 0..1, AUs in the order of {@link RunSummary.actionUnits}. */
export interface MethodScores {
  /** At the decision threshold chosen inside the training labels. */
  readonly perAu: readonly number[];
  readonly macro: number;
  /** At the field's fixed threshold of 0.5. */
  readonly perAuAtHalf?: readonly number[];
  readonly macroAtHalf?: number;
  /** Macro F1 when the probe sees a tenth of the training labels only. */
  readonly macroTenPercent?: number;
}

/** The model and what stands beside it, in the order in which they are shown. */
export const METHODS = ['model', 'alwaysPositive', 'randomInit', 'globalOnly', 'supervised'] as const;

/** One of {@link METHODS}; a key of `RunSummary.scores`. */
export type Method = (typeof METHODS)[number];

/** What the adapter says about itself (GPUAdapterInfo), and whether it is a CPU implementation. */
export interface AdapterSummary {
  readonly vendor: string;
  readonly architecture: string;
  readonly device: string;
  readonly description: string;
  readonly software: boolean;
}

/** Content of summary.json in a run folder. */
export interface RunSummary {
  readonly title: string;
  readonly adapter: AdapterSummary;
  readonly seed: number;
  readonly preset: string;
  /** 'f32' where it is left out, as in summaries from before there was a choice. */
  readonly precision?: 'f32' | 'mixed';
  /** When the run ended, ISO 8601 in UTC. */
  readonly date: string;
  /** The training and test faces in words. */
  readonly dataset: string;
  readonly actionUnits: readonly ActionUnit[];
  /** Share of the test labels that say "present", per AU, in 0..1. */
  readonly prevalence: readonly number[];
  /** The model always; baselines as far as they were run. */
  readonly scores: { readonly model: MethodScores } & Readonly<Partial<Record<Method, MethodScores>>>;
  /** Length of the whole run, and faces per second in self-supervised training. */
  readonly wallSeconds: number;
  readonly samplesPerSecond: number;
  /** Self-supervised steps done. */
  readonly steps: number;
  /** What limited the run, in words ("demo budget: 120 steps of 32 faces, sized for a software adapter"). */
  readonly budgetNote: string;
  /** Bytes on the device while training; absent from runs before this was written down. */
  readonly memory?: {
    /** Parameters, gradients, moments, the target network and the faces. */
    readonly residentBytes: number;
    /** What the step's memory plan allocates, and the largest set of bytes alive at one launch. */
    readonly peakBytes: number;
    readonly lowerBoundBytes: number;
  };
}

/** One line of metrics.jsonl: one training step. A number that was not finite is NaN here and null in the file. */
export interface MetricsRecord {
  readonly step: number;
  readonly loss: number;
  /** Each loss term by name, before weighting or as the trainer logs it. */
  readonly terms: Readonly<Record<string, number>>;
  /** Collapse measures by name: featureStd, effectiveRank, planEntropy, marginalResidual, gradientNorm; in mixed precision lossScale and overflows. */
  readonly collapse: Readonly<Record<string, number>>;
  readonly learningRate: number;
  readonly samplesPerSecond: number;
  readonly elapsedSeconds: number;
}

/** An attention map over a whole tile: row-major [height, width], 0 where nothing is looked at. */
export interface TileMap {
  readonly width: number;
  readonly height: number;
  readonly values: Float32Array;
}

/** A picture of a contact sheet. */
export interface FaceTile {
  readonly width: number;
  readonly height: number;
  /** RGBA bytes [height, width, 4], sRGB. */
  readonly rgba: Uint8Array;
  /** Laid over the picture; it may have any size of its own. */
  readonly map?: TileMap;
  /** Short text under the picture ("AU 12", "neutral"). */
  readonly caption: string;
}

/** A transport plan or relation prior between the AU regions of two views. */
export interface TransportPlan {
  readonly title: string;
  readonly actionUnits: readonly ActionUnit[];
  /** [K, K], row-major: mass from the row's region of the first view to the column's region of the second. */
  readonly values: Float32Array;
}

/** Everything that a report is made of; parts left out are left out of the page. */
export interface ReportInput {
  readonly summary: RunSummary;
  readonly metrics: readonly MetricsRecord[];
  /** Faces with the attention map of one AU each. */
  readonly contactSheet?: { readonly tiles: readonly FaceTile[]; readonly columns?: number };
  /** The neutral face and each AU alone at full intensity. */
  readonly auSheet?: { readonly tiles: readonly FaceTile[]; readonly columns?: number };
  readonly transportPlans?: readonly TransportPlan[];
}
