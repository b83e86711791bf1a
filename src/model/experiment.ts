/**
 * The main job from end to end: self-supervised training, probes on held-out identities, and the baselines that
 * stand beside every result. Node's command line and the tests run it; reporting is the caller's.
 */
import { alwaysPositive, macroMean } from '../data/metrics/f1.js';
import type { FaceDataset } from '../data/dataset.js';
import { InputError, type Engine } from '../engine/index.js';
import { evaluateFeatures, type Evaluation } from './evaluation.js';
import { extractFeatures } from './features.js';
import type { Parameters } from './parameters.js';
import type { Precision } from './precision.js';
import type { Budget, ObjectiveConfig, Preset } from './presets.js';
import { trainSupervised } from './supervised.js';
import { SelfSupervisedTrainer, type StepCosts, type StepMetrics } from './trainer.js';
import type { TrainingSnapshot } from './checkpoint/training-state.js';

/**
 * The parts of an experiment that {@link ExperimentHooks} hear of: 'random-init' (the untrained network is scored),
 * 'self-supervised', then the baselines 'global-only' and 'supervised', where the budget has steps for them.
 */
export type Phase = 'self-supervised' | 'random-init' | 'global-only' | 'supervised';

/** What {@link runExperiment} trains and scores. */
export interface ExperimentOptions {
  readonly preset: Preset;
  /** Steps and batch of every training; its numbers of faces are not looked at, `training` and `test` say them. */
  readonly budget: Budget;
  /** Decides everything random: initial parameters, batches, augmentation, folds. */
  readonly seed: number;
  /** Of every training in it; 'f32' by default. */
  readonly precision?: Precision;
  /** Of every training in it; see TrainerOptions. */
  readonly accumulate?: number;
  /** Of every training in it; see TrainerOptions. */
  readonly checkpointActivations?: boolean;
  /** Faces to train on, probes included; their AUs replace the preset's. */
  readonly training: FaceDataset;
  /** Faces to score on: the same AUs, other people. */
  readonly test: FaceDataset;
  /** Where the self-supervised training goes on instead of from the beginning. */
  readonly resume?: TrainingSnapshot;
}

/** Told while {@link runExperiment} runs, for progress, files and a stop button; all may be left out. */
export interface ExperimentHooks {
  /** A phase begins; `total` is its number of steps (0 when it has none to count). */
  onPhase?: (phase: Phase, total: number) => void;
  /** The self-supervised trainer is ready: what a step costs. */
  onCosts?: (costs: StepCosts) => void;
  /** The self-supervised trainer is ready, before its first step: to take snapshots while it trains. */
  onTrainer?: (trainer: SelfSupervisedTrainer) => void;
  /** A step of the self-supervised or global-only phase is done. */
  onMetrics?: (phase: Phase, metrics: StepMetrics) => void | Promise<void>;
  /** A step of the supervised phase is done. */
  onSupervisedStep?: (step: number, loss: number) => void;
  /** The self-supervised training ended: time to write a checkpoint and to draw figures. */
  onTrained?: (trainer: SelfSupervisedTrainer) => Promise<void>;
  /** Stops the self-supervised training between two steps; what was trained so far is evaluated. */
  signal?: AbortSignal;
}

/** Scores of the model and of everything it is compared with, on the same test faces. */
export interface ExperimentResult {
  /** The online network after self-supervised training. */
  readonly model: Evaluation;
  /** The same network before its first step. */
  readonly randomInit: Evaluation;
  /** Null when the budget gives it no steps. */
  readonly globalOnly: Evaluation | null;
  /** Null when the budget gives it no steps. */
  readonly supervised: Evaluation | null;
  /** F1 per AU of saying "present" always, on the test faces, and its mean. */
  readonly alwaysPositive: { readonly perAu: readonly number[]; readonly macroF1: number };
  /** Self-supervised steps, those of a run that this one went on from included. */
  readonly steps: number;
  /** Seconds of self-supervised training and faces per second in it. */
  readonly trainingSeconds: number;
  readonly samplesPerSecond: number;
}

/** The objective of the global-only baseline: plain BYOL on the same backbone. */
export function globalOnlyObjective(objective: ObjectiveConfig): ObjectiveConfig {
  return { ...objective, global: 1, region: 0, contrast: 0, relation: 0 };
}

/** @throws {InputError} when a person is in both datasets or their AUs differ. */
function checkSplit({ training, test }: ExperimentOptions): void {
  if (training.actionUnits.join() !== test.actionUnits.join()) {
    throw new InputError(`Training faces have AUs ${training.actionUnits.join(', ')}, test faces ${test.actionUnits.join(', ')}; expected the same.`);
  }
  const trained = new Set(Array.from(training.identities, (identity) => training.identityNames[identity]));
  const shared = Array.from(test.identities, (identity) => test.identityNames[identity]).find((name) => trained.has(name));
  if (shared !== undefined) throw new InputError(`Identity ${shared} is in the training and in the test faces; expected no person in both.`);
}

/**
 * Runs the whole experiment.
 * @throws {InputError} when the datasets do not fit together
 * @throws {DeviceError} when training diverges or the device fails
 */
export async function runExperiment(engine: Engine, options: ExperimentOptions, hooks: ExperimentHooks = {}): Promise<ExperimentResult> {
  checkSplit(options);
  const { budget, seed, precision, accumulate, checkpointActivations, training, test } = options;
  const preset: Preset = { ...options.preset, regions: { ...options.preset.regions, actionUnits: training.actionUnits } };
  const evaluate = async (parameters: Parameters): Promise<Evaluation> => {
    const features = await extractFeatures(engine, preset, parameters, training);
    const testFeatures = await extractFeatures(engine, preset, parameters, test);
    return evaluateFeatures({ data: training, features }, { data: test, features: testFeatures }, seed);
  };
  const selfSupervised = (phase: 'self-supervised' | 'global-only', objective: ObjectiveConfig, steps: number) =>
    engine.scope(async () => {
      const trainer = await SelfSupervisedTrainer.create(engine, { preset, objective, data: training, batch: budget.batch, steps, seed, precision, accumulate, checkpointActivations });
      try {
        let randomInit: Evaluation | null = null;
        if (phase === 'self-supervised') {
          hooks.onTrainer?.(trainer);
          hooks.onCosts?.(trainer.costs);
          hooks.onPhase?.('random-init', 0);
          randomInit = await evaluate(trainer.model.online);
          if (options.resume) trainer.restore(options.resume);
        }
        hooks.onPhase?.(phase, steps - trainer.step);
        const before = trainer.step;
        const start = performance.now();
        await trainer.train((metrics) => hooks.onMetrics?.(phase, metrics), steps, phase === 'self-supervised' ? hooks.signal : undefined);
        const seconds = (performance.now() - start) / 1000;
        if (phase === 'self-supervised') await hooks.onTrained?.(trainer);
        const evaluation = await evaluate(trainer.model.online);
        const done = trainer.step - before;
        return { evaluation, randomInit, seconds, done, steps: trainer.step };
      } finally {
        trainer.destroy();
      }
    });

  const main = await selfSupervised('self-supervised', preset.objective, budget.steps);
  const globalOnly =
    budget.globalOnlySteps > 0 ? (await selfSupervised('global-only', globalOnlyObjective(preset.objective), budget.globalOnlySteps)).evaluation : null;
  let supervised: Evaluation | null = null;
  if (budget.supervisedSteps > 0) {
    hooks.onPhase?.('supervised', budget.supervisedSteps);
    supervised = await engine.scope(async () => {
      const parameters = await trainSupervised(
        engine,
        { preset, data: training, batch: budget.batch, steps: budget.supervisedSteps, seed, precision, accumulate, checkpointActivations },
        hooks.onSupervisedStep,
      );
      return evaluate(parameters);
    });
  }
  const positive = alwaysPositive(test.labels, test.actionUnits.length);
  return {
    model: main.evaluation,
    randomInit: main.randomInit as Evaluation,
    globalOnly,
    supervised,
    alwaysPositive: { perAu: positive, macroF1: macroMean(positive) },
    steps: main.steps,
    trainingSeconds: main.seconds,
    samplesPerSecond: main.done === 0 ? 0 : (main.done * budget.batch) / main.seconds,
  };
}
