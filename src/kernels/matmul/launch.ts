/** Launches one matrix product on given tensors; the differentiable ops of this family are made of these. */
import { ShapeError, type DType, type Engine, type Tensor } from '../../engine/index.js';
import { cast, castInto } from '../elementwise/index.js';
import { finishColumnSum } from '../reduction/index.js';
import { problemKey } from '../problem-key.js';
import { chooseHalfMatmul, halfMatmulCandidates, storedAs, type HalfMatmulVariant } from './choose-f16.js';
import { chooseMatmul, matmulCandidates, matmulDevice, matmulSplitting, planMatmul, type MatmulProblem, type MatmulVariant } from './choose.js';

/** WebGPU's default limit of workgroups per dimension. */
const MAX_WORKGROUPS = 65535;

/** One product. Both operands are f32, or both f16; y is f32, or, where they are f16, f32 or f16. All sums are in f32. */
export interface Product {
  /** `problems` matrices [m, k], or [k, m] where transposed. */
  readonly a: Tensor;
  /** Matrices [k, n], or [n, k] where transposed. */
  readonly b: Tensor;
  /** Overwritten: [problems, m, n], or [m, n] where problems are summed. In f16 n is even. */
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
  /** [n] f32, added to every row. */
  readonly bias?: Tensor | null;
  readonly gelu?: boolean;
  /**
   * [problems, m, n], of y's dtype: where the values before GELU go; left out where nobody needs them. With `geluGradient`:
   * where GELU of its values goes.
   */
  readonly preactivation?: Tensor | null;
  /** [problems, m, n], of y's dtype, added last. */
  readonly residual?: Tensor | null;
  /** [problems, m, n], of y's dtype, values before a GELU: y is multiplied by GELU's gradient at them. Not with `gelu` or `residual`. */
  readonly geluGradient?: Tensor | null;
  /** [m] f32, overwritten with the sums of op(a)'s rows; only for one problem or summed ones. */
  readonly rowSums?: Tensor | null;
  readonly label?: string;
  /** For tests and benchmarks; the engine's choice by default. */
  readonly variant?: MatmulVariant | HalfMatmulVariant;
}

/** What decides how fast a product is: sizes, layouts and the epilogue, as in "m8192 n96 k32 b1 tB bias gelu". */
function matmulKey(product: Product): string {
  const { m, n, k, problems: b = 1, transposeA = false, transposeB = false, sharedA = false, sharedB = false, sumProblems = false } = product;
  const { bias, gelu = false, preactivation, residual, geluGradient, rowSums } = product;
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
      dgelu: Boolean(geluGradient),
      rowSums: Boolean(rowSums),
      half: product.a.dtype === 'f16',
      halfY: product.y.dtype === 'f16',
    },
  );
}

/** The engine's choice of a kernel for a product. */
function chooseVariant(engine: Engine, problem: MatmulProblem, key: string): MatmulVariant | HalfMatmulVariant {
  const device = matmulDevice(engine);
  if (problem.half) return engine.choose('matmul-f16', halfMatmulCandidates(device, problem), chooseHalfMatmul(device, problem), key);
  return engine.choose('matmul', matmulCandidates(device, problem), chooseMatmul(device, problem), key);
}

/** @throws {ShapeError} when operands and results cannot be combined, naming what can */
function checkDtypes({ a, b, y, n, label = 'matmul', residual, geluGradient, preactivation }: Product): void {
  const half = a.dtype === 'f16';
  if (a.dtype !== b.dtype) throw new ShapeError(`${label}: both operands are f32 or both f16, given ${a.dtype} and ${b.dtype}; cast one.`);
  if (y.dtype === 'f16' && !half) throw new ShapeError(`${label}: f32 operands have an f32 result, given one of f16.`);
  if (y.dtype === 'f16' && n % 2 !== 0) throw new ShapeError(`${label}: an f16 result has an even number of columns, given ${n}.`);
  for (const tensor of [residual, geluGradient, preactivation]) {
    if (tensor && tensor.dtype !== y.dtype) throw new ShapeError(`${label}: residual, values before GELU and preactivation have the result's dtype ${y.dtype}, given ${tensor.dtype}.`);
  }
}

/** A gradient in the dtype of the operand that it is multiplied with. */
export function sameDtype(engine: Engine, gradient: Tensor, operand: Tensor): Tensor {
  if (gradient.dtype === operand.dtype) return gradient;
  return engine.noGrad(() => cast(engine, gradient, operand.dtype === 'f16' ? 'f16' : 'f32'));
}

/** What a product must read and write, however it is computed: its operands and its results once; partial sums are no part of it. */
function necessaryBytes({ a, b, y, bias, residual, geluGradient, preactivation, rowSums }: Product): number {
  return [a, b, y, bias, residual, geluGradient, preactivation, rowSums].reduce((sum, tensor) => sum + (tensor?.byteLength ?? 0), 0);
}

/**
 * y = gelu(op(a) op(b) + bias) + residual, or (op(a) op(b)) gelu'(geluGradient). Long inner sums under small results are split over workgroups and
 * added up afterwards in a fixed order, so that the same inputs always give the same bits.
 * @throws {ShapeError} when dtypes cannot be combined
 */
export function launchProduct(engine: Engine, product: Product): void {
  const { a, b, y, m, n, k, bias, residual, geluGradient, gelu = false, preactivation, rowSums, label = 'matmul' } = product;
  const { problems = 1, sharedA = false, sharedB = false, sumProblems = false, transposeA = false, transposeB = false } = product;
  checkDtypes(product);
  const half = a.dtype === 'f16';
  const splittable = !bias && !gelu && !residual && !geluGradient;
  const problem = { m, n, k, problems, transposeA, transposeB, rowSums: Boolean(rowSums), half, splittable };
  const key = matmulKey(product);
  const variant = product.variant ?? chooseVariant(engine, problem, key);
  const plan = planMatmul(variant, matmulSplitting(engine, key), problem);
  const outputs = plan.splits * problems;
  const strideY = m * n + (rowSums ? m : 0);
  const inParts = plan.splits > 1 || Boolean(rowSums) || (sumProblems && problems > 1);
  const destination = inParts ? engine.empty([outputs, strideY], 'f32', `${label} parts`) : y;
  // Bindings that a specialised kernel never touches still have to be bound; a written one needs its own storage.
  const unused = (dtype: DType): Tensor => engine.empty([8], dtype, `${label} unused`);
  const added = residual ?? geluGradient;
  const written = preactivation ?? unused(destination.dtype);
  const single = half && (!bias || (!added && destination.dtype === 'f32')) ? unused('f32') : b;
  const halfY = destination.dtype === 'f16';
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
        GELU_GRADIENT: Boolean(geluGradient),
        ROW_SUMS: Boolean(rowSums),
        ...(half ? storedAs(variant, halfY) : {}),
        ...(variant === 'matrix' ? engine.info.subgroupMatrix : {}),
      },
      tensors: { a, b, bias: bias ?? single, residual: added ?? (halfY ? b : single), y: destination, preactivation: written },
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
      bytes: (necessaryBytes(product) * count) / outputs,
    });
  }
  if (!inParts) return;
  // Parts are added up in f32, whatever the result is stored as.
  const total = y.dtype === 'f32' ? y : engine.empty(y.shape, 'f32', `${label} total`);
  if (sumProblems || problems === 1) {
    finishColumnSum(engine, destination, 0, total, rowSums);
  } else {
    finishColumnSum(engine, engine.view(destination, 0, [plan.splits, problems * strideY]), 0, total);
  }
  if (total !== y) castInto(engine, total, y, { counts: false });
}
