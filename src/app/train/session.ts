/**
 * One run of the Train page: faces, training, scores. It knows neither the page nor the Worker; what happens goes
 * to `report`, and `control` says when to wait and when to stop.
 */
import type { CanonicalMesh } from '../../data/faces/canonical-mesh.js';
import { alwaysPositive, macroMean } from '../../data/metrics/f1.js';
import type { FaceDataset } from '../../data/dataset.js';
import type { Engine } from '../../engine/index.js';
import { encodeSnapshot } from '../../model/checkpoint/training-state.js';
import { evaluateFeatures, type Evaluation } from '../../model/evaluation.js';
import { extractFeatures } from '../../model/features.js';
import type { Parameters } from '../../model/parameters.js';
import { presetNamed, type Preset } from '../../model/presets.js';
import { SslModel } from '../../model/ssl-model.js';
import { SelfSupervisedTrainer } from '../../model/trainer.js';
import type { Control } from './control.js';
import { makeFaces, sampleFaces } from './faces.js';
import type { Report, Scores } from './protocol.js';
import type { TrainSettings } from './settings.js';

/** Faces that the page shows. */
const SHOWN_FACES = 12;

/** Seconds of training between two checkpoints. */
const CHECKPOINT_SECONDS = 20;

/**
 * Trains with checkpoints and pauses, up to the last step or until it is stopped.
 * @returns the trainer's last step
 */
async function train(trainer: SelfSupervisedTrainer, control: Control, report: (message: Report) => void): Promise<number> {
  let start = performance.now();
  // The first one is due at once, so that a run that fails early leaves something too.
  let saved = -CHECKPOINT_SECONDS;
  // A state is only handed out when the losses of all its steps have been seen to be finite.
  let candidate: { step: number; bytes: Uint8Array<ArrayBuffer> } | null = null;
  const save = async () => {
    const snapshot = await trainer.snapshot();
    return { step: snapshot.step, bytes: encodeSnapshot(snapshot) };
  };
  await trainer.train(
    async (metrics) => {
      const seconds = (performance.now() - start) / 1000;
      report({ kind: 'metrics', metrics: { ...metrics, seconds } });
      if (candidate && metrics.step >= candidate.step) {
        report({ kind: 'checkpoint', ...candidate });
        candidate = null;
      }
      if (control.paused) {
        const before = performance.now();
        report({ kind: 'paused', step: metrics.step });
        await control.untilResumed();
        start += performance.now() - before;
      }
      if (!candidate && seconds - saved >= CHECKPOINT_SECONDS) {
        candidate = await save();
        saved = seconds;
      }
    },
    trainer.options.steps,
    control.signal,
  );
  if (trainer.step > 0) report({ kind: 'checkpoint', ...(await save()) });
  return trainer.step;
}

function scoresOf(model: Evaluation, randomInit: Evaluation, test: FaceDataset, steps: number): Scores {
  const positive = alwaysPositive(test.labels, test.actionUnits.length);
  return {
    rows: test.actionUnits.map((actionUnit, column) => ({
      actionUnit,
      prevalence: model.allLabels.perAu[column].prevalence,
      model: model.allLabels.perAu[column].f1,
      randomInit: randomInit.allLabels.perAu[column].f1,
      alwaysPositive: positive[column],
    })),
    macro: { model: model.allLabels.macroF1, randomInit: randomInit.allLabels.macroF1, alwaysPositive: macroMean(positive) },
    macroTenPercent: { model: model.tenPercent.macroF1, randomInit: randomInit.tenPercent.macroF1 },
    steps,
    testFaces: test.count,
    testPeople: new Set(test.identities).size,
  };
}

/** Probes on held-out people for the trained parameters and for those that the run began with. */
async function score(
  engine: Engine,
  preset: Preset,
  trained: Parameters,
  data: { training: FaceDataset; test: FaceDataset },
  seed: number,
  steps: number,
  report: (message: Report) => void,
): Promise<Scores> {
  const { training, test } = data;
  const total = 2 * (training.count + test.count);
  let before = 0;
  const featuresOf = async (parameters: Parameters, faces: FaceDataset) => {
    const features = await extractFeatures(engine, preset, parameters, faces, (done) => report({ kind: 'progress', phase: 'features', done: before + done, total }));
    before += faces.count;
    return { data: faces, features };
  };
  report({ kind: 'phase', phase: 'features' });
  const features = async (parameters: Parameters) => [await featuresOf(parameters, training), await featuresOf(parameters, test)] as const;
  const [modelTraining, modelTest] = await features(trained);
  // The same seed gives the same first parameters.
  const [randomTraining, randomTest] = await features(new SslModel(engine, preset, seed).online);
  report({ kind: 'phase', phase: 'probes' });
  report({ kind: 'progress', phase: 'probes', done: 0, total: 2 });
  const model = evaluateFeatures(modelTraining, modelTest, seed);
  report({ kind: 'progress', phase: 'probes', done: 1, total: 2 });
  return scoresOf(model, evaluateFeatures(randomTraining, randomTest, seed), test, steps);
}

/**
 * Runs a session on an engine; everything that it allocates is given back.
 * @throws {InputError} for settings that cannot be used
 * @throws {DeviceError} when the training diverges or the device fails
 */
export async function runSession(
  engine: Engine,
  mesh: CanonicalMesh,
  settings: TrainSettings,
  control: Control,
  report: (message: Report) => void,
): Promise<void> {
  const preset = presetNamed(settings.preset);
  const { seed, precision, batch, steps } = settings;
  report({ kind: 'phase', phase: 'faces' });
  const total = settings.faces + settings.testFaces;
  const data = await makeFaces(engine.device, mesh, settings, (done) => report({ kind: 'progress', phase: 'faces', done, total }));
  report({ kind: 'faces', sample: await sampleFaces(engine, preset, data.training, SHOWN_FACES) });
  await engine.scope(async () => {
    report({ kind: 'phase', phase: 'preparing' });
    const trainer = await SelfSupervisedTrainer.create(engine, { preset, data: data.training, batch, steps, seed, precision });
    report({ kind: 'costs', costs: trainer.costs });
    report({ kind: 'phase', phase: 'training' });
    const done = await train(trainer, control, report);
    trainer.destroy();
    if (done > 0) report({ kind: 'scores', scores: await score(engine, preset, trainer.model.online, data, seed, done, report) });
  });
}
