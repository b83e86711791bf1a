/** The kinds of attention kernels that take a problem, so that tests run them all whatever this machine's rule says. */
import type { Engine } from '../src/engine/index.js';
import type { AttentionCase } from './reference/attention.js';

const KINDS = ['shared', 'direct', 'quad'] as const;

/** Whether a map has padding tokens. */
export function isPadded({ height, width, windowSize }: AttentionCase): boolean {
  return height % windowSize !== 0 || width % windowSize !== 0;
}

/** Runs `body` once per kind; a pass that a kind does not take runs the kernels with workgroup memory, which take all. */
export async function forEachKind(engine: Engine, shape: AttentionCase, body: (kind: string) => Promise<void>): Promise<void> {
  const { headDim, windowSize } = shape;
  const quad = engine.device.features.has('subgroups') && !isPadded(shape) && headDim % 4 === 0 && headDim <= 32;
  for (const kind of KINDS) {
    if (kind === 'quad' && !quad) continue;
    engine.force('attention-forward', kind);
    engine.force('attention-backward', kind === 'direct' && windowSize > 4 ? 'shared' : kind);
    try {
      await body(kind);
    } finally {
      engine.force('attention-forward', null);
      engine.force('attention-backward', null);
    }
  }
}
