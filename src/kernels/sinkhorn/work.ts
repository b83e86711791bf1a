/**
 * Work that a batch of transport problems needs at least, the same whatever variant does it, so that their rates can be
 * compared. It is that of the scaling form; a launch that does more (exponentials, a matrix read again) has the same count.
 */
import type { TransportProblem } from './problem.js';

interface Work {
  readonly flops: number;
  readonly bytes: number;
}

/** Numbers that a backward pass needs of the iterations: the sums of columns; all else can be computed from them again. */
const historySize = ({ batch, m, iterations }: TransportProblem): number => batch * m * iterations;

const inputSize = ({ cost, prior, a, b }: TransportProblem): number => cost.size + (prior?.size ?? 0) + a.size + b.size;

/** Two multiply-adds per entry and iteration; costs, prior and masses are read, plan, residual and iterations written. */
export function forwardWork(problem: TransportProblem): Work {
  const { batch, cost, iterations, keep } = problem;
  return { flops: 4 * cost.size * iterations, bytes: 4 * (inputSize(problem) + cost.size + 2 * batch + (keep ? historySize(problem) : 0)) };
}

/**
 * Four multiply-adds per entry and iteration: two sums, and two changes of the cost's gradient. The plan's gradient is read
 * besides what the forward pass read and kept; the gradients of cost and masses are written.
 */
export function backwardWork(problem: TransportProblem): Work {
  const { cost, a, b, iterations } = problem;
  return { flops: 8 * cost.size * iterations, bytes: 4 * (inputSize(problem) + historySize(problem) + 2 * cost.size + a.size + b.size) };
}
