/**
 * The linear probe: per AU one logistic regression on frozen features. The regularisation strength and the
 * decision threshold come from cross-validation inside the training labels, in folds that share no person.
 */
import { InputError } from '../../engine/errors.js';
import type { ActionUnit } from '../action-units.js';
import { LABEL_PRESENT, LABEL_UNKNOWN } from '../dataset.js';
import { applyThresholds, f1PerAu, macroMean, prevalence } from '../metrics/f1.js';
import { groupByIdentity } from '../splits.js';
import { fitPath, gramMatrix, logitOf, meanLogLoss, sigmoid, type LogisticData } from './logistic.js';
import { bestF1Threshold } from './threshold.js';

/** Features of some faces. */
export interface ProbeFeatures {
  /** 'per-au': [faces, AUs, dimension], each AU has its own row; 'shared': [faces, dimension], one for all AUs. */
  readonly layout: 'per-au' | 'shared';
  readonly dimension: number;
  readonly data: Float32Array;
}

/** What {@link fitProbe} fits and validates with. */
export interface ProbeOptions {
  /** The AU of each label column. */
  readonly actionUnits: readonly ActionUnit[];
  /** L2 strengths to choose from, on the mean loss; {@link DEFAULT_LAMBDAS} where left out. */
  readonly lambdas?: readonly number[];
  /** Cross-validation folds, 3 where left out; fewer where the labels show fewer people. */
  readonly folds?: number;
  /** Decides which people share a fold; 1 where left out. */
  readonly seed?: number;
}

/** The fitted model of one AU; it says "present" where sigmoid(Σ weights·(x − mean)·scale + bias) ≥ threshold. */
export interface AuProbe {
  readonly au: ActionUnit;
  /** [dimension] mean of each feature over the training faces, and 1 / standard deviation (0 for a constant one). */
  readonly mean: Float64Array;
  readonly scale: Float64Array;
  /** [dimension] */
  readonly weights: Float64Array;
  readonly bias: number;
  readonly threshold: number;
  readonly lambda: number;
  /** F1 in cross-validation at that λ and threshold (optimistic: the threshold was chosen on it). */
  readonly validationF1: number;
}

/** A fitted probe: plain data, for features of the same layout and dimension. */
export interface Probe {
  readonly layout: ProbeFeatures['layout'];
  readonly dimension: number;
  /** In the order of the label columns. */
  readonly perAu: readonly AuProbe[];
}

/** Result of one AU on test faces; F1 in 0..1. */
export interface ProbeAuResult {
  readonly au: ActionUnit;
  /** At the threshold chosen inside the training labels. */
  readonly f1: number;
  /** At the field's fixed threshold of 0.5. */
  readonly f1AtHalf: number;
  readonly threshold: number;
  readonly lambda: number;
  /** Share of the known test labels that say "present". */
  readonly prevalence: number;
}

/** Scores of a probe on test faces, 0..1. The macro values are means over AUs. */
export interface ProbeResult {
  readonly perAu: readonly ProbeAuResult[];
  /** At the thresholds chosen inside the training labels. */
  readonly macroF1: number;
  /** At the field's fixed threshold of 0.5. */
  readonly macroF1AtHalf: number;
}

/** Decades from strong, for a few dozen labels, to weak, for many thousands. */
export const DEFAULT_LAMBDAS: readonly number[] = [10, 1, 0.1, 0.01, 0.001];

function checkFeatures(features: ProbeFeatures, faces: number, auCount: number): void {
  const { layout, dimension, data } = features;
  const expected = faces * dimension * (layout === 'per-au' ? auCount : 1);
  if (!Number.isInteger(dimension) || dimension < 1 || data.length !== expected) {
    throw new InputError(
      `The probe got ${data.length} feature values for ${faces} faces, ${auCount} AUs and ${dimension} features ` +
        `(layout ${layout}): expected ${expected}.`,
    );
  }
  const bad = data.findIndex((value) => !Number.isFinite(value));
  if (bad >= 0) {
    const face = Math.floor(bad / (expected / faces));
    throw new InputError(`Feature ${bad % dimension} of face ${face} is ${data[bad]}: expected a finite number.`);
  }
}

/** Where the feature row of a face and AU column begins. */
function rowStart({ layout, dimension }: ProbeFeatures, face: number, column: number, auCount: number): number {
  return (layout === 'per-au' ? face * auCount + column : face) * dimension;
}

/** Mean and 1 / standard deviation of each feature over the given faces. */
function standardisation(
  features: ProbeFeatures,
  faces: readonly number[],
  column: number,
  auCount: number,
): { mean: Float64Array; scale: Float64Array } {
  const { dimension, data } = features;
  const mean = new Float64Array(dimension);
  const scale = new Float64Array(dimension);
  for (const face of faces) {
    const start = rowStart(features, face, column, auCount);
    for (let i = 0; i < dimension; i++) mean[i] += data[start + i];
  }
  for (let i = 0; i < dimension; i++) mean[i] /= faces.length;
  for (const face of faces) {
    const start = rowStart(features, face, column, auCount);
    for (let i = 0; i < dimension; i++) scale[i] += (data[start + i] - mean[i]) ** 2;
  }
  for (let i = 0; i < dimension; i++) {
    const deviation = Math.sqrt(scale[i] / faces.length);
    // Below single precision the spread is rounding noise of a constant feature.
    scale[i] = deviation > 1e-7 * Math.abs(mean[i]) && deviation > 0 ? 1 / deviation : 0;
  }
  return { mean, scale };
}

function fitAu(
  features: ProbeFeatures,
  labels: Uint8Array,
  identities: Int32Array,
  column: number,
  options: Required<ProbeOptions>,
): AuProbe {
  const auCount = options.actionUnits.length;
  const au = options.actionUnits[column];
  const { dimension } = features;
  const known = Array.from(identities.keys()).filter((face) => labels[face * auCount + column] !== LABEL_UNKNOWN);
  const people = new Set(known.map((face) => identities[face])).size;
  if (people < 2) {
    throw new InputError(
      `AU ${au} has known labels of ${people} ${people === 1 ? 'person' : 'people'} in the training set: ` +
        'expected at least 2 people, so that cross-validation can hold one out.',
    );
  }
  const folds = Math.min(options.folds, people);
  const foldOf = groupByIdentity(Int32Array.from(known, (face) => identities[face]), folds, options.seed);
  // Sorted by fold, a fold is one range of rows and its training side at most two.
  const order = Array.from(known.keys()).sort((a, b) => foldOf[a] - foldOf[b] || a - b);
  const { mean, scale } = standardisation(features, known, column, auCount);
  const data: LogisticData = {
    features: new Float64Array(known.length * dimension),
    dimension,
    targets: new Uint8Array(known.length),
  };
  order.forEach((position, row) => {
    const face = known[position];
    const start = rowStart(features, face, column, auCount);
    for (let i = 0; i < dimension; i++) {
      data.features[row * dimension + i] = (features.data[start + i] - mean[i]) * scale[i];
    }
    data.targets[row] = labels[face * auCount + column] === LABEL_PRESENT ? 1 : 0;
  });
  let next = 0;
  const ranges = Array.from({ length: folds }, (_, fold) => {
    const first = next;
    while (next < order.length && foldOf[order[next]] === fold) next++;
    return { first, end: next };
  });
  const grams = ranges.map((range) => gramMatrix(data, range));

  const heldOut = options.lambdas.map(() => new Float64Array(known.length));
  ranges.forEach(({ first, end }, fold) => {
    const others = <T>(list: readonly T[]) => list.filter((_, index) => index !== fold);
    fitPath(data, others(ranges), others(grams), options.lambdas).forEach((weights, choice) => {
      for (let row = first; row < end; row++) heldOut[choice][row] = logitOf(data, row, weights);
    });
  });
  const losses = heldOut.map((logits) => meanLogLoss(logits, data.targets));
  // λ by log-loss, which is steadier than F1 on few labels; of equals the stronger one, which comes first.
  const chosen = losses.indexOf(Math.min(...losses));
  const { threshold, f1 } = bestF1Threshold(heldOut[chosen].map(sigmoid), data.targets);
  const path = options.lambdas.slice(0, chosen + 1);
  const fitted = fitPath(data, ranges, grams, path)[chosen];
  return {
    au,
    mean,
    scale,
    weights: fitted.slice(0, dimension),
    bias: fitted[dimension],
    threshold,
    lambda: options.lambdas[chosen],
    validationF1: f1,
  };
}

/**
 * Fits the probe; labels of value 9 (unknown) are left out per AU. The result depends on the arguments alone.
 * @param trainLabels [faces, AUs], 0 absent, 1 present, 9 unknown
 * @param trainIdentities [faces]
 * @throws {InputError} when lengths do not fit, a feature is not finite, λ is not above 0, there are fewer than two folds,
 *   or an AU's known labels show fewer than two people
 */
export function fitProbe(
  trainFeatures: ProbeFeatures,
  trainLabels: Uint8Array,
  trainIdentities: Int32Array,
  options: ProbeOptions,
): Probe {
  const { actionUnits, folds = 3, seed = 1, lambdas = DEFAULT_LAMBDAS } = options;
  const faces = trainIdentities.length;
  if (trainLabels.length !== faces * actionUnits.length) {
    throw new InputError(
      `The probe got ${trainLabels.length} labels for ${faces} faces with ${actionUnits.length} AUs: ` +
        `expected ${faces * actionUnits.length}.`,
    );
  }
  if (!(folds >= 2)) throw new InputError(`${folds} cross-validation folds were asked for: expected at least 2.`);
  if (lambdas.length === 0 || !lambdas.every((lambda) => lambda > 0 && Number.isFinite(lambda))) {
    throw new InputError(`The regularisation strengths are [${lambdas.join(', ')}]: expected numbers above 0.`);
  }
  checkFeatures(trainFeatures, faces, actionUnits.length);
  const strongestFirst = [...lambdas].sort((a, b) => b - a);
  const complete = { actionUnits, folds, seed, lambdas: strongestFirst };
  return {
    layout: trainFeatures.layout,
    dimension: trainFeatures.dimension,
    perAu: actionUnits.map((_, column) => fitAu(trainFeatures, trainLabels, trainIdentities, column, complete)),
  };
}

/**
 * Probability of "present" per face and AU: [faces, AUs], in double precision.
 * @throws {InputError} when the features' layout or size is not the probe's
 */
export function predictProbe(probe: Probe, features: ProbeFeatures): Float64Array {
  const auCount = probe.perAu.length;
  if (features.layout !== probe.layout || features.dimension !== probe.dimension) {
    throw new InputError(
      `The probe was fitted on ${probe.dimension} ${probe.layout} features and got ${features.dimension} ${features.layout} ones.`,
    );
  }
  const perFace = features.dimension * (features.layout === 'per-au' ? auCount : 1);
  const faces = Math.floor(features.data.length / perFace);
  checkFeatures(features, faces, auCount);
  const probabilities = new Float64Array(faces * auCount);
  for (let face = 0; face < faces; face++) {
    probe.perAu.forEach(({ mean, scale, weights, bias }, column) => {
      const start = rowStart(features, face, column, auCount);
      let logit = bias;
      for (let i = 0; i < weights.length; i++) logit += weights[i] * (features.data[start + i] - mean[i]) * scale[i];
      probabilities[face * auCount + column] = sigmoid(logit);
    });
  }
  return probabilities;
}

/**
 * F1 of the probe on faces that it was not fitted on.
 * @param labels [faces, AUs], 0 absent, 1 present, 9 unknown
 * @throws {InputError} when lengths do not fit or a label is none of 0, 1, 9
 */
export function evaluateProbe(probe: Probe, features: ProbeFeatures, labels: Uint8Array): ProbeResult {
  const auCount = probe.perAu.length;
  const probabilities = predictProbe(probe, features);
  const thresholds = probe.perAu.map(({ threshold }) => threshold);
  const f1 = f1PerAu(applyThresholds(probabilities, thresholds), labels, auCount);
  const f1AtHalf = f1PerAu(applyThresholds(probabilities, thresholds.map(() => 0.5)), labels, auCount);
  const present = prevalence(labels, auCount);
  return {
    perAu: probe.perAu.map(({ au, threshold, lambda }, column) => ({
      au,
      f1: f1[column],
      f1AtHalf: f1AtHalf[column],
      threshold,
      lambda,
      prevalence: present[column],
    })),
    macroF1: macroMean(f1),
    macroF1AtHalf: macroMean(f1AtHalf),
  };
}
