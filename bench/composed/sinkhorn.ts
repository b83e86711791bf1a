/**
 * Entropic transport of small problems with one launch per half-iteration, the in-repo rival of the kernels that run all
 * iterations in one launch. It computes what sinkhorn_thread.wgsl does, in the same scaling form (one exponential per entry in
 * all), so that what is left between the two is the fusion: here every half-iteration reads the matrix from memory.
 * Neighbouring problems lie beside each other, so that every access is of whole lines, and the gradient of the cost is summed
 * up over iterations in registers, in one launch at the end. Left out are what the engine's kernel offers besides: relaxed
 * marginals, priors, early stops, ranges of costs beyond what f32 scalings hold, and the correction of rounding over long walks.
 */
import { expectShape, formatShape, gridFor, ShapeError, type Engine, type Tensor } from '../../src/engine/index.js';

/** Problems that lie beside each other. */
const BLOCK = 32;
/** Rows or columns at most, as `MAX_SMALL_SIZE` of the engine's kernel. */
const MAX_SIZE = 16;

/** Sides of a problem that a half-iteration updates. */
interface Side {
  readonly outputs: number;
  readonly constants: Readonly<Record<string, number>>;
  readonly mass: Tensor;
  /** Scalings of all iterations, or of the last one. */
  readonly scalings: Tensor;
}

/**
 * The same plan as `sinkhorn` with hard marginals and no prior; differentiable in cost, a and b.
 * @param cost [B, n, m], n and m up to 16, the spread of cost / ε within a row up to about 80
 * @param a [B, n]
 * @param b [B, m]
 * @returns [B, n, m]
 * @throws {ShapeError} when shapes do not fit
 */
export function composedSinkhorn(engine: Engine, cost: Tensor, a: Tensor, b: Tensor, { epsilon, iterations }: { readonly epsilon: number; readonly iterations: number }): Tensor {
  const [batch, n, m] = cost.shape;
  if (cost.shape.length !== 3 || Math.max(n, m) > MAX_SIZE) {
    throw new ShapeError(`composedSinkhorn: cost has shape ${formatShape(cost.shape)}, expected [B, n, m] with n and m up to ${MAX_SIZE}.`);
  }
  expectShape('composedSinkhorn: a', a.shape, [batch, n]);
  expectShape('composedSinkhorn: b', b.shape, [batch, m]);
  const keep = engine.differentiates([cost, a, b]);
  const blocks = Math.ceil(batch / BLOCK);
  const sizes = { N: n, M: m };
  const problems = { problems: batch, blocks, inverse_epsilon: 1 / epsilon };
  const blocked = (rows: number, slots = 1): Tensor => engine.empty([slots, blocks, rows, BLOCK]);
  /** Where iteration `slot` begins, in numbers: all are in the place of the first when none is kept. */
  const at = (slot: number, rows: number): number => (keep ? slot * blocks * rows * BLOCK : 0);
  const matrix = blocked(n * m);
  const rows: Side = { outputs: n, constants: { OUTPUTS: n, TERMS: m, MINE_STRIDE: m, OTHER_STRIDE: 1 }, mass: blocked(n), scalings: blocked(n, keep ? iterations : 1) };
  const columns: Side = { outputs: m, constants: { OUTPUTS: m, TERMS: n, MINE_STRIDE: 1, OTHER_STRIDE: m }, mass: blocked(m), scalings: blocked(m, keep ? iterations + 1 : 1) };
  const [alpha, beta] = [rows.scalings, columns.scalings];
  const perLine = gridFor(blocks * BLOCK * Math.max(n, m));
  const work = { flops: 2 * cost.size, bytes: 4 * (cost.size + batch * (n + 2 * m)) };

  engine.dispatch({
    shader: 'bench/sinkhorn_start',
    constants: sizes,
    tensors: { cost, a, b, matrix, masses_a: rows.mass, masses_b: columns.mass, beta },
    params: problems,
    workgroups: perLine,
    bytes: 8 * (cost.size + a.size + b.size),
  });
  const scale = (mine: Side, mineSlot: number, other: Side, otherSlot: number): void => {
    const count = (blocks * mine.outputs * BLOCK) / 4;
    engine.dispatch({
      shader: 'bench/sinkhorn_scale',
      constants: mine.constants,
      tensors: { matrix, mass: mine.mass, other: other.scalings, mine: mine.scalings },
      params: { count, mine_at: at(mineSlot, mine.outputs) / 4, other_at: at(otherSlot, other.outputs) / 4 },
      workgroups: gridFor(count),
      ...work,
    });
  };
  for (let step = 0; step < iterations; step++) {
    scale(rows, step, columns, step);
    scale(columns, step + 1, rows, step);
  }
  const plan = engine.empty(cost.shape);
  const last = { alpha_at: at(iterations - 1, n), beta_at: at(iterations, m) };
  engine.dispatch({ shader: 'bench/sinkhorn_plan', constants: sizes, tensors: { matrix, alpha, beta, plan }, params: { count: plan.size, ...last }, workgroups: gridFor(plan.size), bytes: 8 * plan.size });

  engine.record('composedSinkhorn', [cost, a, b], [plan], (context) => {
    const dplan = context.gradient(0);
    const inflow = blocked(n);
    const [rowFlow, columnFlow] = [blocked(n, iterations), blocked(m, iterations)];
    const [rowSlope, columnSlope] = [blocked(n), blocked(m)];
    engine.dispatch({
      shader: 'bench/sinkhorn_backward_start',
      constants: sizes,
      tensors: { matrix, mass: columns.mass, alpha, beta, dplan, inflow, slope: columnSlope, flow: columnFlow },
      params: { problems: batch, blocks, ...last, flow_at: at(iterations - 1, m) },
      workgroups: perLine,
      bytes: 8 * cost.size,
    });
    const back = (mine: Side, mineSlot: number, tensors: { slope: Tensor; flow: Tensor; other_flow: Tensor }, slots: { mine: number; other: number }): void => {
      const count = (blocks * mine.outputs * BLOCK) / 4;
      const others = mine === rows ? m : n;
      engine.dispatch({
        shader: 'bench/sinkhorn_scale_backward',
        constants: { ...mine.constants, LAST: mine === rows && slots.mine === iterations - 1 },
        tensors: { matrix, mass: mine.mass, mine: mine.scalings, inflow, ...tensors },
        params: { count, mine_at: at(mineSlot, mine.outputs) / 4, other_at: at(slots.other, others) / 4, flow_at: at(slots.mine, mine.outputs) / 4 },
        workgroups: gridFor(count),
        ...work,
      });
    };
    for (let step = iterations - 1; step >= 0; step--) {
      // The start has walked back through the last column step.
      if (step < iterations - 1) back(columns, step + 1, { slope: columnSlope, flow: columnFlow, other_flow: rowFlow }, { mine: step, other: step + 1 });
      back(rows, step, { slope: rowSlope, flow: rowFlow, other_flow: columnFlow }, { mine: step, other: step });
    }
    if (context.needs(0)) {
      const tiles = Math.ceil(n / 4) * Math.ceil(m / 4);
      engine.dispatch({
        shader: 'bench/sinkhorn_backward_finish',
        constants: sizes,
        tensors: { matrix, alpha, beta, row_flow: rowFlow, column_flow: columnFlow, dplan, dcost: context.target(0) },
        params: { ...problems, iterations },
        workgroups: gridFor(blocks * BLOCK * tiles),
        flops: 4 * cost.size * iterations,
        bytes: 4 * (3 * cost.size + 2 * iterations * batch * (n + m)),
      });
    }
    [rowSlope, columnSlope].forEach((x, side) => {
      if (!context.needs(1 + side)) return;
      const y = context.target(1 + side);
      engine.dispatch({ shader: 'bench/sinkhorn_masses', constants: { SIZE: y.shape[1] }, tensors: { x, y }, params: { count: y.size }, workgroups: gridFor(y.size), bytes: 8 * y.size });
    });
  });
  return plan;
}
