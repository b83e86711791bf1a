/** Which kernel multiplies f16 operands. Their variants share the contract of the f32 ones; see shaders/matmul. */
import { fitsVectors, type MatmulDevice, type MatmulProblem } from './choose.js';

/** The files `matmul_f16_<variant>.wgsl`, from the plainest up. */
export type HalfMatmulVariant = 'tile' | 'register';

/** The constants that say whether residual, y and preactivation are f16 or f32. */
export function storedAs(variant: string, half: boolean): Readonly<Record<string, string | boolean>> {
  // The tile stores by two, the others by four.
  const [halves, singles] = variant === 'tile' ? ['half2', 'float1'] : ['half4', 'float2'];
  return { stored: half ? halves : singles, HALF_Y: half };
}

/** The variants that take a problem on a device. */
export function halfMatmulCandidates(_device: MatmulDevice, problem: MatmulProblem): HalfMatmulVariant[] {
  return fitsVectors(problem) ? ['tile', 'register'] : ['tile'];
}

/** The fastest variant for a problem. */
export function chooseHalfMatmul(_device: MatmulDevice, problem: MatmulProblem): HalfMatmulVariant {
  return fitsVectors(problem) ? 'register' : 'tile';
}
