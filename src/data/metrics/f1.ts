/** F1 per action unit as the field computes it: counts over all faces at once, unknown labels left out per AU. */
import { InputError } from '../../engine/errors.js';
import { LABEL_ABSENT, LABEL_PRESENT, LABEL_UNKNOWN } from '../dataset.js';

/** How often a binary prediction of one AU was right and wrong, over the faces whose label is known. */
export interface ConfusionCounts {
  truePositives: number;
  falsePositives: number;
  falseNegatives: number;
  trueNegatives: number;
}

function facesOf(labels: Uint8Array, auCount: number): number {
  if (!Number.isInteger(auCount) || auCount < 1 || labels.length % auCount !== 0) {
    throw new InputError(
      `Labels hold ${labels.length} values, which is not a whole number of faces with ${auCount} AUs each.`,
    );
  }
  return labels.length / auCount;
}

function checkedLabel(labels: Uint8Array, index: number, auCount: number): number {
  const label = labels[index];
  if (label !== LABEL_ABSENT && label !== LABEL_PRESENT && label !== LABEL_UNKNOWN) {
    throw new InputError(
      `The label of face ${Math.floor(index / auCount)}, AU column ${index % auCount} is ${label}: expected 0, 1 or 9 (unknown).`,
    );
  }
  return label;
}

/**
 * Confusion counts per AU; labels of value 9 (unknown) count nowhere.
 * @param predictions [faces, auCount], 0 or not 0
 * @param labels [faces, auCount], 0 absent, 1 present, 9 unknown
 * @throws {InputError} when the lengths differ or a label is none of 0, 1, 9
 */
export function countConfusion(predictions: Uint8Array, labels: Uint8Array, auCount: number): ConfusionCounts[] {
  const faces = facesOf(labels, auCount);
  if (predictions.length !== labels.length) {
    throw new InputError(`There are ${predictions.length} predictions for ${labels.length} labels: expected as many.`);
  }
  const counts = Array.from({ length: auCount }, () => ({
    truePositives: 0,
    falsePositives: 0,
    falseNegatives: 0,
    trueNegatives: 0,
  }));
  for (let face = 0; face < faces; face++) {
    for (let au = 0; au < auCount; au++) {
      const index = face * auCount + au;
      const label = checkedLabel(labels, index, auCount);
      if (label === LABEL_UNKNOWN) continue;
      const predicted = predictions[index] !== 0;
      if (label === LABEL_PRESENT) predicted ? counts[au].truePositives++ : counts[au].falseNegatives++;
      else predicted ? counts[au].falsePositives++ : counts[au].trueNegatives++;
    }
  }
  return counts;
}

/**
 * F1 = 2·TP / (2·TP + FP + FN), in 0..1. Where it is undefined (nothing present and nothing predicted)
 * it is 0, as scikit-learn has it with `zero_division=0`.
 */
export function f1Score({ truePositives, falsePositives, falseNegatives }: ConfusionCounts): number {
  const denominator = 2 * truePositives + falsePositives + falseNegatives;
  return denominator === 0 ? 0 : (2 * truePositives) / denominator;
}

/**
 * F1 of each AU, in 0..1, in the order of the label columns. Shapes and errors as {@link countConfusion}.
 */
export function f1PerAu(predictions: Uint8Array, labels: Uint8Array, auCount: number): number[] {
  return countConfusion(predictions, labels, auCount).map(f1Score);
}

/** Unweighted mean: macro F1 from the F1 of each AU, or the mean of folds. @throws {InputError} when empty */
export function macroMean(values: readonly number[]): number {
  if (values.length === 0) throw new InputError('The mean of no values was asked for: expected at least one AU or fold.');
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** F1 of each AU for a model that always says "present": 2p / (1 + p) at prevalence p, in 0..1. */
export function alwaysPositive(labels: Uint8Array, auCount: number): number[] {
  return f1PerAu(new Uint8Array(labels.length).fill(1), labels, auCount);
}

/** Share of the known labels of each AU that say "present", in 0..1; 0 for an AU without a known label. */
export function prevalence(labels: Uint8Array, auCount: number): number[] {
  return countConfusion(new Uint8Array(labels.length), labels, auCount).map(({ falseNegatives, trueNegatives }) => {
    const known = falseNegatives + trueNegatives;
    return known === 0 ? 0 : falseNegatives / known;
  });
}

/**
 * Predictions at one decision threshold per AU: 1 where the probability is at least the threshold.
 * @param probabilities [faces, thresholds.length]
 */
export function applyThresholds(probabilities: Float32Array | Float64Array, thresholds: readonly number[]): Uint8Array {
  const auCount = thresholds.length;
  const predictions = new Uint8Array(probabilities.length);
  for (let i = 0; i < probabilities.length; i++) predictions[i] = probabilities[i] >= thresholds[i % auCount] ? 1 : 0;
  return predictions;
}
