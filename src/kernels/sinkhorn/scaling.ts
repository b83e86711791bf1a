/** The scaling form: a matrix exp(K − r − c) between 0 and 1, taken once, whose rows and columns are scaled from then on. */
import { gridFor, type Engine, type Tensor } from '../../engine/index.js';
import type { LogitsSolution, TransportProblem } from './problem.js';

/** Invocations that share a row or column. */
const LANES = { software: 4, gpu: 64 };

/** A solution, and what the backward pass makes its matrix of. */
export interface ScaledSolution extends LogitsSolution {
  /** [B, n + m, 4], see shaders/sinkhorn/offsets.wgsl. */
  readonly lines: Tensor;
}

/** Where rows, or columns, and their entries lie. */
export function sidesOf({ n, m }: TransportProblem) {
  return {
    rows: { lines: n, terms: m, first_line: 0, first_term: n, line_stride: m, term_stride: 1 },
    columns: { lines: m, terms: n, first_line: n, first_term: 0, line_stride: 1, term_stride: m },
  };
}

/** Offsets r and c, and the first scalings, of all rows and columns. */
export function offsetsOf(engine: Engine, problem: TransportProblem, logits: Tensor, history: Tensor): { readonly lines: Tensor; readonly scalings: Tensor } {
  const { batch, n, m, iterations, keep } = problem;
  const lines = engine.zeros([batch, n + m, 4]);
  const scalings = engine.empty([batch, n + m]);
  for (const side of Object.values(sidesOf(problem))) {
    engine.dispatch({
      shader: 'sinkhorn/offsets',
      constants: { LANES: engine.info.software ? LANES.software : LANES.gpu, KEEP: keep },
      tensors: { logits, lines, scalings, history },
      params: { problems: batch, ...side, iterations },
      workgroups: gridFor(batch * side.lines, 1),
    });
  }
  return { lines, scalings };
}

/** exp(K − r − c) into `matrix`, and its transpose [B, m, n] where one is wanted. */
export function fillMatrix(engine: Engine, { cost, n, m }: TransportProblem, logits: Tensor, lines: Tensor, matrix: Tensor, transposed?: Tensor): void {
  engine.dispatch({
    shader: 'sinkhorn/matrix',
    constants: { TRANSPOSED: transposed !== undefined },
    tensors: { logits, lines, matrix, transposed: transposed ?? engine.empty([4]) },
    params: { count: cost.size, n, m },
    workgroups: gridFor(cost.size),
  });
}
