/** Every case. A kernel without one fails test/verify-cases.test.ts. */
import type { CanonicalMesh } from '../../data/faces/canonical-mesh.js';
import type { VerifyCase } from '../types.js';
import { attentionCases } from './attention.js';
import { augmentCases } from './augment.js';
import { convolutionCases } from './convolution.js';
import { elementwiseCases } from './elementwise.js';
import { faceCases } from './faces.js';
import { layoutCases } from './layout.js';
import { lossCases } from './loss.js';
import { matmulCases } from './matmul.js';
import { normalizationCases } from './normalization.js';
import { optimizerCases } from './optimizer.js';
import { poolingCases } from './pooling.js';
import { randomCases } from './random.js';
import { reductionCases } from './reduction.js';
import { regionCases } from './regions.js';
import { sinkhornCases } from './sinkhorn.js';

/** Cases of every compute kernel, family by family. */
export function kernelCases(): VerifyCase[] {
  return [
    ...elementwiseCases(),
    ...reductionCases(),
    ...normalizationCases(),
    ...layoutCases(),
    ...matmulCases(),
    ...convolutionCases(),
    ...attentionCases(),
    ...poolingCases(),
    ...sinkhornCases(),
    ...lossCases(),
    ...optimizerCases(),
    ...augmentCases(),
    ...regionCases(),
    ...randomCases(),
  ];
}

/**
 * Every case: the compute kernels, and the face renderer.
 * @param mesh the canonical face mesh
 */
export function allCases(mesh: CanonicalMesh): VerifyCase[] {
  return [...kernelCases(), ...faceCases(mesh)];
}
