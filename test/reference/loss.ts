/** Float64 references of the losses; arrays are row-major. */

function dot(a: ArrayLike<number>, b: ArrayLike<number>, startA: number, startB: number, count: number): number {
  let sum = 0;
  for (let c = 0; c < count; c++) sum += a[startA + c] * b[startB + c];
  return sum;
}

/** mean(2 − 2 cos) over rows, lengths √(Σ² + 1e-8). */
export function negativeCosine(p: ArrayLike<number>, z: ArrayLike<number>, columns: number): number {
  const rows = p.length / columns;
  let sum = 0;
  for (let start = 0; start < p.length; start += columns) {
    const lengths = Math.sqrt(dot(p, p, start, start, columns) + 1e-8) * Math.sqrt(dot(z, z, start, start, columns) + 1e-8);
    sum += 2 - (2 * dot(p, z, start, start, columns)) / lengths;
  }
  return sum / rows;
}

/** Mean over targets 0 and 1 of t w softplus(−x) + (1 − t) softplus(x); 0 when there are none. */
export function bceWithLogits(logits: ArrayLike<number>, targets: ArrayLike<number>, weight: ArrayLike<number>): number {
  let sum = 0;
  let known = 0;
  for (let i = 0; i < logits.length; i++) {
    if (targets[i] > 1) continue;
    known += 1;
    if (targets[i] === 1) sum += weight[i % weight.length] * Math.log1p(Math.exp(-logits[i]));
    else sum += Math.log1p(Math.exp(logits[i]));
  }
  return known === 0 ? 0 : sum / known;
}

/** Softmax cross entropy with the diagonal as target, mean over the rows of all matrices. */
export function contrastive(logits: ArrayLike<number>, count: number, temperature: number, groups?: ArrayLike<number>): number {
  const rows = logits.length / count;
  let sum = 0;
  for (let row = 0; row < rows; row++) {
    const own = row % count;
    let total = 0;
    for (let c = 0; c < count; c++) {
      if (groups && c !== own && groups[c] === groups[own]) continue;
      total += Math.exp(logits[row * count + c] / temperature);
    }
    sum += Math.log(total) - logits[row * count + own] / temperature;
  }
  return sum / rows;
}

/** Mean over the batch of Σ P C. */
export function transportLoss(plan: ArrayLike<number>, cost: ArrayLike<number>, batch: number): number {
  return dot(plan, cost, 0, 0, plan.length) / batch;
}

/** Floored and renormalised similarity of each region of `own` to the mean region of `other`. */
export function relationMarginal(own: ArrayLike<number>, other: ArrayLike<number>, batch: number, regions: number, columns: number, floor: number): number[] {
  const result: number[] = [];
  for (let b = 0; b < batch; b++) {
    const base = b * regions * columns;
    const mean = Array.from({ length: columns }, (_, c) => {
      let sum = 0;
      for (let r = 0; r < regions; r++) sum += other[base + r * columns + c];
      return sum / regions;
    });
    const masses = Array.from({ length: regions }, (_, r) => Math.max(floor, dot(own, mean, base + r * columns, 0, columns)));
    const total = masses.reduce((sum, mass) => sum + mass, 0);
    result.push(...masses.map((mass) => mass / total));
  }
  return result;
}

/** The prior after one update with a batch of plans. */
export function priorUpdate(prior: ArrayLike<number>, plan: ArrayLike<number>, regions: number, decay: number, floor: number): number[] {
  const pairs = regions * regions;
  const mean = new Array<number>(pairs).fill(0);
  for (let i = 0; i < plan.length; i++) {
    const pair = i % pairs;
    mean[pair] += plan[i];
    mean[(pair % regions) * regions + Math.floor(pair / regions)] += plan[i];
  }
  const mass = mean.reduce((sum, value) => sum + value, 0);
  const moved = mean.map((value, pair) => Math.max(floor, decay * prior[pair] + ((1 - decay) * value) / mass));
  const total = moved.reduce((sum, value) => sum + value, 0);
  return moved.map((value) => value / total);
}
