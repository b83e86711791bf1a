/** Entry point of the page that the determinism test loads in Chrome: puts the training run where the test can call it. */
import { openEngine } from '../src/kernels/open-engine.js';
import { findBrowserAdapter } from '../src/platform/browser/gpu.js';
import { encodeResult, trainingRun, type RunOptions } from './determinism-run.js';

/** What the page offers to the test. */
export interface DeterminismPage {
  /** A run on a new device, as text. `checkpoint` holds the bytes to go on from. */
  zygoRun(options: { until: number; checkpoint?: number[] }): Promise<string>;
}

const page: DeterminismPage = {
  async zygoRun({ until, checkpoint }) {
    const found = await findBrowserAdapter();
    if ('problem' in found) throw new Error(`Chrome gives no WebGPU adapter: ${found.problem}`);
    const engine = await openEngine(found.adapter);
    try {
      const options: RunOptions = { until, ...(checkpoint ? { from: Uint8Array.from(checkpoint) } : {}) };
      return encodeResult(await trainingRun(engine, options));
    } finally {
      engine.destroy();
    }
  },
};
Object.assign(globalThis, page);
