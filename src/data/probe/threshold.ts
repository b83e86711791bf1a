/**
 * The decision threshold with the best F1 on given probabilities ("present" where p ≥ threshold).
 * Between two neighbouring probabilities every threshold decides alike: their middle is taken. Of equally good
 * thresholds the highest is taken. Without a positive target it is 0.5, as F1 is then 0 anywhere.
 * @param targets [count], 0 or 1
 */
export function bestF1Threshold(probabilities: Float64Array, targets: Uint8Array): { threshold: number; f1: number } {
  const order = Array.from(probabilities.keys()).sort((a, b) => probabilities[b] - probabilities[a]);
  const positives = targets.reduce((sum, target) => sum + target, 0);
  let best = { threshold: 0.5, f1: 0 };
  let truePositives = 0;
  for (let taken = 1; taken <= order.length; taken++) {
    const lowest = probabilities[order[taken - 1]];
    truePositives += targets[order[taken - 1]];
    const next = taken < order.length ? probabilities[order[taken]] : 0;
    if (taken < order.length && next === lowest) continue;
    const f1 = (2 * truePositives) / (taken + positives);
    if (f1 > best.f1) best = { threshold: (lowest + next) / 2, f1 };
  }
  return best;
}
