/** Launches one matrix product on given tensors; the differentiable ops of this family are made of these. */
import type { Engine, Tensor } from '../../engine/index.js';
import { finishColumnSum } from '../reduction/index.js';
import { problemKey } from '../problem-key.js';
import { chooseMatmul, matmulCandidates, matmulDevice, matmulSplitting, planMatmul, type MatmulVariant } from './choose.js';

/** WebGPU's default limit of workgroups per dimension. */
const MAX_WORKGROUPS = 65535;

export interface Product {
  /** `problems` matrices [m, k], or [k, m] where transposed. */
  readonly a: Tensor;
  /** Matrices [k, n], or [n, k] where transposed. */
  readonly b: Tensor;
  /** Overwritten: [problems, m, n], or [m, n] where problems are summed. */
  readonly y: Tensor;
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly transposeA?: boolean;
  readonly transposeB?: boolean;
  /** Pairs of matrices, 1 by default. */
  readonly problems?: number;
  /** True when a is one matrix, shared by all problems; likewise b. */
  readonly sharedA?: boolean;
  readonly sharedB?: boolean;
  /** Add up the products of all problems instead of storing each. */
  readonly sumProblems?: boolean;
  /** [n], added to every row. */
  readonly bias?: Tensor | null;
  readonly gelu?: boolean;
  /** [problems, m, n]: where the values before GELU go; left out where nobody needs them. */
  readonly preactivation?: Tensor | null;
  /** [problems, m, n], added last. */
  readonly residual?: Tensor | null;
  /** [m], overwritten with the sums of op(a)'s rows; only for one problem or summed ones. */
  readonly rowSums?: Tensor | null;
  readonly label?: string;
  /** For tests and benchmarks; the engine's choice by default. */
  readonly variant?: MatmulVariant;
}

/** What decides how fast a product is: sizes, layouts and the epilogue, as in "m8192 n96 k32 b1 tB bias gelu". */
function matmulKey(product: Product): string {
  const { m, n, k, problems: b = 1, transposeA = false, transposeB = false, sharedA = false, sharedB = false, sumProblems = false } = product;
  const { bias, gelu = false, preactivation, residual, rowSums } = product;
  return problemKey(
    { m, n, k, b },
    {
      tA: transposeA,
      tB: transposeB,
      oneA: sharedA && b > 1,
      oneB: sharedB && b > 1,
      sum: sumProblems && b > 1,
      bias: Boolean(bias),
      gelu,
      keep: Boolean(preactivation),
      residual: Boolean(residual),
      rowSums: Boolean(rowSums),
    },
  );
}

/**
 * y = gelu(op(a) op(b) + bias) + residual. Long inner sums under small results are split over workgroups and
 * added up afterwards in a fixed order, so that the same inputs always give the same bits.
 */
export function launchProduct(engine: Engine, product: Product): void {
  const { a, b, y, m, n, k, bias, residual, gelu = false, preactivation, rowSums, label = 'matmul' } = product;
  const { problems = 1, sharedA = false, sharedB = false, sumProblems = false, transposeA = false, transposeB = false } = product;
  const device = matmulDevice(engine);
  const problem = { m, n, k, problems, transposeA, transposeB, rowSums: Boolean(rowSums) };
  const splittable = !bias && !gelu && !residual;
  const key = matmulKey(product);
  const variant = product.variant ?? engine.choose('matmul', matmulCandidates(device, problem), chooseMatmul(device, problem), key);
  const plan = planMatmul(variant, matmulSplitting(engine, key), problem, splittable);
  const outputs = plan.splits * problems;
  const strideY = m * n + (rowSums ? m : 0);
  const inParts = plan.splits > 1 || Boolean(rowSums) || (sumProblems && problems > 1);
  const destination = inParts ? engine.empty([outputs, strideY], 'f32', `${label} parts`) : y;
  // Bindings that a specialised kernel never touches still have to be bound; a written one needs its own storage.
  const unused = preactivation ?? engine.empty([4], 'f32', `${label} unused`);
  for (let first = 0; first < outputs; first += MAX_WORKGROUPS) {
    const count = Math.min(MAX_WORKGROUPS, outputs - first);
    engine.dispatch({
      shader: plan.shader,
      constants: {
        ...plan.constants,
        TRANSPOSE_A: transposeA,
        TRANSPOSE_B: transposeB,
        BIAS: Boolean(bias),
        GELU: gelu,
        PREACTIVATION: Boolean(preactivation),
        RESIDUAL: Boolean(residual),
        ROW_SUMS: Boolean(rowSums),
      },
      tensors: { a, b, bias: bias ?? b, residual: residual ?? b, y: destination, preactivation: unused },
      params: {
        m,
        n,
        k,
        splitLength: plan.splitLength,
        problems,
        first,
        strideA: sharedA ? 0 : m * k,
        strideB: sharedB ? 0 : k * n,
        strideY,
      },
      workgroups: [plan.grid[0], plan.grid[1], count],
      label,
      flops: (2 * m * n * k * problems * count) / outputs,
      bytes: (4 * (a.size + b.size + m * n * problems * (residual ? 2 : 1)) * count) / outputs,
    });
  }
  if (!inParts) return;
  if (sumProblems || problems === 1) {
    finishColumnSum(engine, destination, 0, y);
    if (rowSums) finishColumnSum(engine, destination, m * n, rowSums);
  } else {
    finishColumnSum(engine, engine.view(destination, 0, [plan.splits, problems * strideY]), 0, y);
  }
}
