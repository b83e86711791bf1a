/** What wgsl_reflect 1.6.0's interpreter computes wrongly. */

const WRAP = 'products of u32 do not wrap around at 2^32, as the random numbers of Philox need; its races are looked for all the same';
const WORDS = 'vectors of u32 are kept as floats, which lose the low bits of words that hold two f16';
const MATRICES = 'a vector times a matrix comes out as the matrix times the vector, and += of whole matrices is refused';

/**
 * Kernels whose values the interpreter does not get right, with the reason. A test fails for a kernel in this list that
 * it does get right, so that the list stays true. Where one of them has barriers, only races tell that one is missing.
 */
export const WRONG_VALUES: Readonly<Record<string, string>> = {
  'random/philox': WRAP,
  'random/uniform': WRAP,
  'augment/parameters': WRAP,
  'elementwise/to_half': WORDS,
  'elementwise/gelu_backward_f16': WORDS,
  'normalization/layer_norm_f16_kept': WORDS,
  'matmul/matmul_f16_register': WORDS,
  'matmul/matmul_f16_block': WORDS,
  'sinkhorn/sinkhorn_grid': MATRICES,
  'sinkhorn/sinkhorn_grid_backward': MATRICES,
  'sinkhorn/sinkhorn_thread': MATRICES,
  'sinkhorn/sinkhorn_thread_backward': MATRICES,
};
