/** Which kernel multiplies f16 operands. Their variants share the contract of the f32 ones; see shaders/matmul. */
import { blockCandidates, chooseBlock, fitsVectors, type BlockVariant, type MatmulDevice, type MatmulProblem } from './choose.js';

/** The files `matmul_f16_<variant>.wgsl`, from the plainest up; for the block tiles see `MatmulVariant`. */
export type HalfMatmulVariant = 'tile' | 'register' | 'native' | 'matrix' | BlockVariant;

/** The constants that say whether residual, y and preactivation are f16 or f32. */
export function storedAs(variant: string, half: boolean): Readonly<Record<string, string | boolean>> {
  // The tile stores by two, the others by four.
  const [halves, singles] = variant === 'tile' ? ['half2', 'float1'] : ['half4', 'float2'];
  return { stored: half ? halves : singles, HALF_Y: half };
}

/** The variants that take a problem on a device. */
export function halfMatmulCandidates(device: MatmulDevice, problem: MatmulProblem): HalfMatmulVariant[] {
  if (!fitsVectors(problem)) return ['tile'];
  return ['tile', 'register', ...blockCandidates(device), ...(device.f16 ? (['native'] as const) : []), ...(device.matrices && !problem.rowSums ? (['matrix'] as const) : [])];
}

/** The fastest variant for a problem, by design on a GPU: none was at hand to measure. Subgroup matrices come first: who asks for them wants them. */
export function chooseHalfMatmul(device: MatmulDevice, problem: MatmulProblem): HalfMatmulVariant {
  if (!fitsVectors(problem)) return 'tile';
  if (device.software) return 'register';
  return device.matrices && !problem.rowSums ? 'matrix' : chooseBlock(device, problem);
}
