/** The model: presets, training, evaluation, checkpoints, and the pieces to build another model from. */
export { AU_NAMES, BP4D_AUS, DISFA_AUS, KNOWN_AUS, type ActionUnit } from '../data/action-units.js';
export type { FaceDataset } from '../data/dataset.js';
export { backboneSpecs, linearSpecs, normSpecs } from './backbone/specs.js';
export { Swin } from './backbone/swin.js';
export { classifierSpecs, classify, type ClassifierConfig } from './classifier/index.js';
export { decodeSafetensors, encodeSafetensors, type SafetensorsFile, type SafetensorsTensor } from './checkpoint/safetensors.js';
export { decodeSnapshot, encodeSnapshot, restoreTraining, snapshotTraining, type TrainingSnapshot } from './checkpoint/training-state.js';
export { Encoder, type Features } from './encoder.js';
export { evaluateFeatures, type Evaluation } from './evaluation.js';
export { runExperiment, type ExperimentHooks, type ExperimentOptions, type ExperimentResult, type Phase } from './experiment.js';
export { extractFeatures, type DatasetFeatures } from './features.js';
export { layOut, makeParameters, Parameters, type ArenaLayout, type Initializer, type ParameterLookup, type ParameterSpec } from './parameters.js';
export { PRECISIONS, type Precision } from './precision.js';
export * from './presets.js';
export { learningRateAt, targetDecayAt } from './schedules.js';
export { SslModel } from './ssl-model.js';
export { trainSupervised, type SupervisedOptions } from './supervised.js';
export { SelfSupervisedTrainer, type StepCosts, type StepMetrics, type TrainerOptions } from './trainer.js';
