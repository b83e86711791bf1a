/** The kinds of attention kernels that take a problem, so that tests run them all whatever this machine's rule says. */
import type { Engine } from '../src/engine/index.js';
import type { AttentionCase } from './reference/attention.js';

const KINDS = ['shared', 'rows', 'direct', 'quad'] as const;

/** Whether a map has padding tokens. */
export function isPadded({ height, width, windowSize }: AttentionCase): boolean {
  return height % windowSize !== 0 || width % windowSize !== 0;
}

/** Runs `body` once per kind; a pass that a kind does not take runs the kernels with workgroup memory, which take all. */
export async function forEachKind(engine: Engine, shape: AttentionCase, body: (kind: string) => Promise<void>): Promise<void> {
  const { headDim, windowSize } = shape;
  const plain = !isPadded(shape) && headDim % 4 === 0 && headDim <= 32;
  const tokens = windowSize ** 2;
  const staged = 8 * tokens * headDim + 4 * (2 * windowSize - 1) ** 2;
  const stagedBackward = staged + 4 * tokens * (windowSize + 2);
  const room = 16 * 1024 - 96;
  const takes = {
    shared: true,
    rows: plain && windowSize < 12 && staged <= room,
    direct: true,
    quad: plain && engine.device.features.has('subgroups'),
  };
  for (const kind of KINDS) {
    if (!takes[kind]) continue;
    engine.force('attention-forward', kind);
    engine.force('attention-backward', (kind === 'rows' && stagedBackward > room) || (kind === 'direct' && windowSize > 4) ? 'shared' : kind);
    try {
      await body(kind);
    } finally {
      engine.force('attention-forward', null);
      engine.force('attention-backward', null);
    }
  }
}
