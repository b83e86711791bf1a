/** Kernel variants measured on a device, per problem, and remembered. */
export { choicesOf, countChoices, currentRecords, lookupOf, tunedChoicesSchema, type TunedChoices } from './choices.js';
export { decide, gainOf, LEAST_GAIN } from './decide.js';
export { deviceClock, type DeviceClock } from './device-clock.js';
export { hashOf, hashOfShaders } from './hash.js';
export { measure, type Samples, type Timer } from './measure.js';
export { capturePresetSteps } from './preset.js';
export {
  environmentLine,
  readTuningSet,
  recordKey,
  tuningEnvironment,
  type CandidateTime,
  type TuningEnvironment,
  type TuningRecord,
  type TuningSet,
} from './record.js';
export { environmentName, storingEach, type LoadedTuning, type TuningStore } from './store.js';
export { mergedRecords, summaryOf, type TunedGain, type TuningSummary } from './summary.js';
export { traceProblems, type TracedLaunch, type TracedProblem, type TracedTensor } from './trace.js';
export { tuneStep, type TuneOptions, type TuneResult } from './tune.js';
export { TUNED_FAMILIES } from './workloads/index.js';
