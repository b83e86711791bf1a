/** The messages between the Train page and its Worker, which owns the device. */
import type { ActionUnit } from '../../data/action-units.js';
import type { StepCosts, StepMetrics } from '../../model/trainer.js';
import type { WebGpuProblem } from '../../platform/browser/gpu.js';
import type { TuningSummary } from '../../tuning/summary.js';
import type { TrainSettings } from './settings.js';

/** From the page to the Worker. */
export type Order =
  | { readonly kind: 'start'; readonly settings: TrainSettings }
  | { readonly kind: 'pause' }
  | { readonly kind: 'resume' }
  /** Ends the training between two steps; what was trained so far is scored. */
  | { readonly kind: 'stop' }
  /** Measures which kernels are fastest for these settings, and stores it. */
  | { readonly kind: 'tune'; readonly settings: TrainSettings }
  /** Ends a measurement after the choice that it is at; what was measured is stored. */
  | { readonly kind: 'cancelTune' }
  | { readonly kind: 'clearTuned' };

/** What a run is busy with. */
export type Phase = 'faces' | 'preparing' | 'training' | 'features' | 'probes';

/** A step's metrics and its place in time. */
export interface TimedMetrics extends StepMetrics {
  /** Seconds of training so far, pauses left out. */
  readonly seconds: number;
}

/** Some training faces and the AU attention maps that the model is given for them. */
export interface FaceSample {
  readonly imageSize: number;
  /** [count, imageSize, imageSize, 4] sRGB bytes. */
  readonly images: Uint8Array;
  readonly actionUnits: readonly ActionUnit[];
  /** Cells of a map along each side. */
  readonly mapSize: number;
  /** [count, actionUnits, mapSize, mapSize], 0 to 1. */
  readonly maps: Float32Array;
  /** AUs present in each face, from the labels (which the training never sees). */
  readonly present: readonly (readonly ActionUnit[])[];
}

/** F1 of one AU on held-out people, 0 to 1. */
export interface ScoreRow {
  readonly actionUnit: ActionUnit;
  /** Share of the test faces that show the AU. */
  readonly prevalence: number;
  readonly model: number;
  readonly randomInit: number;
  readonly alwaysPositive: number;
}

/** Macro F1 of each line of the table. */
export type MacroScores = Readonly<Record<'model' | 'randomInit' | 'alwaysPositive', number>>;

/** The scores of a run. */
export interface Scores {
  readonly rows: readonly ScoreRow[];
  readonly macro: MacroScores;
  /** Macro F1 with a tenth of the training labels. */
  readonly macroTenPercent: Pick<MacroScores, 'model' | 'randomInit'>;
  /** Steps that were trained. */
  readonly steps: number;
  readonly testFaces: number;
  readonly testPeople: number;
}

/** From the Worker to the page. */
export type Report =
  | { readonly kind: 'adapter'; readonly name: string; readonly software: boolean }
  | { readonly kind: 'unsupported'; readonly problem: WebGpuProblem }
  /** What is stored for this adapter. */
  | { readonly kind: 'tuned'; readonly summary: TuningSummary | null }
  | { readonly kind: 'tuning'; readonly done: number; readonly total: number }
  /** A measurement has ended; what is stored was told before. */
  | { readonly kind: 'tuningEnded' }
  | { readonly kind: 'phase'; readonly phase: Phase }
  | { readonly kind: 'progress'; readonly phase: Phase; readonly done: number; readonly total: number }
  | { readonly kind: 'faces'; readonly sample: FaceSample }
  | { readonly kind: 'costs'; readonly costs: StepCosts }
  | { readonly kind: 'metrics'; readonly metrics: TimedMetrics }
  /** Training waits after this step. */
  | { readonly kind: 'paused'; readonly step: number }
  /** A state that every loss up to its step was finite in: the bytes of a .safetensors file. */
  | { readonly kind: 'checkpoint'; readonly step: number; readonly bytes: Uint8Array<ArrayBuffer> }
  | { readonly kind: 'scores'; readonly scores: Scores }
  /** The run is over and the device is given back. */
  | { readonly kind: 'ended' }
  | { readonly kind: 'failed'; readonly message: string; readonly advice: string };
