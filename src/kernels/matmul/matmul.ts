import { formatShape, ShapeError, sizeOf, type Engine, type Tensor } from '../../engine/index.js';
import { expandBatch, joinedBatch, operandInWords } from './broadcast.js';
import type { HalfMatmulVariant } from './choose-f16.js';
import type { MatmulVariant } from './choose.js';
import { launchProduct, sameDtype, type Product } from './launch.js';

/** How the operands of {@link matmul} are stored, and in which dtype it stores the result. */
export interface MatmulOptions {
  /** a is stored [..., K, M] instead of [..., M, K]. */
  readonly transposeA?: boolean;
  /** b is stored [..., N, K] instead of [..., K, N]. */
  readonly transposeB?: boolean;
  /** dtype of y, the operands' own by default; f16 operands can give f32. */
  readonly output?: 'f32' | 'f16';
  /** For tests and benchmarks: the kernel of the forward product; the fastest by default. */
  readonly variant?: MatmulVariant | HalfMatmulVariant;
}

interface Sizes {
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly batch: number;
  readonly leading: readonly number[];
  readonly sharedB: boolean;
}

function sizesOf(a: Tensor, b: Tensor, transposeA: boolean, transposeB: boolean): Sizes {
  if (a.shape.length < 2 || b.shape.length < 2) {
    throw new ShapeError(`matmul takes matrices or batches of them, given ${formatShape(a.shape)} and ${formatShape(b.shape)}.`);
  }
  const [rowsA, columnsA] = a.shape.slice(-2);
  const [rowsB, columnsB] = b.shape.slice(-2);
  const [m, k] = transposeA ? [columnsA, rowsA] : [rowsA, columnsA];
  const [innerB, n] = transposeB ? [columnsB, rowsB] : [rowsB, columnsB];
  const given = `${operandInWords(a.shape, transposeA)} and ${operandInWords(b.shape, transposeB)}`;
  if (k !== innerB) throw new ShapeError(`matmul sums over ${k} columns of a and ${innerB} rows of b, given ${given}; they must be equal.`);
  const leading = joinedBatch(a.shape.slice(0, -2), b.shape.slice(0, -2), given);
  return { m, n, k, batch: sizeOf(leading), leading, sharedB: sizeOf(b.shape.slice(0, -2)) === 1 };
}

/**
 * y = op(a) op(b), differentiable in both. Operands are f32, or both f16, which are summed in f32.
 * Batches are joined as torch.matmul joins them: a dimension of 1, or one that is absent, is repeated. One matrix b
 * for a whole batch costs no copy; any other repetition is written out first.
 * @param a [..., M, K], or [..., K, M] with transposeA
 * @param b [..., K, N], or [..., N, K] with transposeB
 * @returns [..., M, N]
 * @throws {ShapeError} when inner sizes, batches or dtypes do not fit
 */
export function matmul(engine: Engine, a: Tensor, b: Tensor, options: MatmulOptions = {}): Tensor {
  const { transposeA = false, transposeB = false } = options;
  const sizes = sizesOf(a, b, transposeA, transposeB);
  const whole = expandBatch(engine, a, sizes.leading);
  return product(engine, whole, sizes.sharedB ? b : expandBatch(engine, b, sizes.leading), sizes, options);
}

/** The product of a and b whose batches are equal, or of one b for all. */
function product(engine: Engine, a: Tensor, b: Tensor, sizes: Sizes, options: MatmulOptions): Tensor {
  const { transposeA = false, transposeB = false, variant } = options;
  const { m, n, k, batch, leading, sharedB } = sizes;
  const y = engine.empty([...leading, m, n], options.output ?? a.dtype);
  // With one b, a batch of row-major matrices is one tall matrix.
  const tall = sharedB && !transposeA;
  const shape = tall ? { m: batch * m, problems: 1 } : { m, problems: batch };
  launchProduct(engine, { a, b, y, ...shape, n, k, sharedB, transposeA, transposeB, variant });
  engine.record('matmul', [a, b], [y], (context) => {
    const dy = sameDtype(engine, context.gradient(0), a);
    const run = (label: string, product: Product): void => launchProduct(engine, { ...product, label });
    if (context.needs(0)) {
      const da = context.target(0);
      if (tall) run('matmul da', { a: dy, b, y: da, m: batch * m, n: k, k: n, transposeB: !transposeB });
      else if (!transposeA) run('matmul da', { a: dy, b, y: da, m, n: k, k: n, problems: batch, sharedB, transposeB: !transposeB });
      // Stored [K, M]: op(b) dyᵀ, with b in the first place.
      else run('matmul da', { a: b, b: dy, y: da, m: k, n: m, k: n, problems: batch, sharedA: sharedB, transposeA: transposeB, transposeB: true });
    }
    if (context.needs(1)) {
      const db = context.target(1);
      const sizes = tall ? { k: batch * m, problems: 1 } : { k: m, problems: batch, sumProblems: sharedB };
      if (transposeB) run('matmul db', { a: dy, b: a, y: db, m: n, n: k, ...sizes, transposeA: true, transposeB: transposeA });
      else run('matmul db', { a, b: dy, y: db, m: k, n, ...sizes, transposeA: !transposeA });
    }
  });
  return y;
}
