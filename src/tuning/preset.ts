/** The work that a preset's training does, for tracing: its steps are captured on blank faces and never run. */
import { LANDMARK_COUNT, type FaceDataset } from '../data/dataset.js';
import type { Engine } from '../engine/index.js';
import { feasibleGroupSize } from '../model/batch-order.js';
import { uploadDataset } from '../model/device-dataset.js';
import { globalOnlyObjective } from '../model/experiment.js';
import { captureFeatures, FEATURE_BATCH } from '../model/features.js';
import type { Precision } from '../model/precision.js';
import type { Preset } from '../model/presets.js';
import { SslModel } from '../model/ssl-model.js';
import { trainSupervised } from '../model/supervised.js';
import { captureTrainingStep, type StepInputs } from '../model/training-step.js';

/** Black faces of one person: enough where only shapes matter. */
function blankFaces(count: number, { faceSize, regions }: Preset): FaceDataset {
  return {
    source: 'blank faces',
    count,
    imageSize: faceSize,
    images: new Uint8Array(count * faceSize * faceSize * 4),
    landmarks: new Float32Array(count * LANDMARK_COUNT * 2).fill(faceSize / 2),
    actionUnits: regions.actionUnits,
    labels: new Uint8Array(count * regions.actionUnits.length),
    identities: new Int32Array(count),
    identityNames: ['nobody'],
  };
}

/**
 * Captures what a run of a preset does, for `traceProblems` or `tuneStep`: the self-supervised step, that of the
 * global-only baseline, the extraction of features, and the supervised step.
 * @param batch faces per step
 * @param precision of the steps; features are extracted in f32 in each
 */
export async function capturePresetSteps(engine: Engine, preset: Preset, batch: number, precision: Precision = 'f32'): Promise<void> {
  const faces = blankFaces(Math.max(batch, preset.groupSize), preset);
  const groupSize = feasibleGroupSize(faces.identities, batch, preset.groupSize);
  const data = uploadDataset(engine, faces, preset.regions);
  const model = new SslModel(engine, preset, 1, precision);
  const inputs: StepInputs = {
    indices: engine.zeros([batch], 'u32'),
    key: engine.zeros([2], 'u32'),
    hyper: engine.zeros([8]),
    targetDecay: engine.zeros([1]),
  };
  for (const objective of [preset.objective, globalOnlyObjective(preset.objective)]) {
    captureTrainingStep(engine, model, data, inputs, { batch, groupSize }, objective).destroy();
  }
  captureFeatures(engine, preset, model.online, data, engine.zeros([FEATURE_BATCH], 'u32')).destroy();
  // No step is run: the supervised step is captured, and given back at once.
  await trainSupervised(engine, { preset, data: faces, batch, steps: 0, seed: 1, precision });
}
