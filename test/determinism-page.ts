/** Entry point of the page that the determinism test loads in Chrome: puts the training run where the test can call it. */
import { openEngine } from '../src/kernels/open-engine.js';
import { findBrowserAdapter } from '../src/platform/browser/gpu.js';
import { encodeResults, trainingRun, type RunOptions, type RunResult } from './determinism-run.js';

/** What the page offers to the test. */
export interface DeterminismPage {
  /** Runs one after the other on one new device, as text. `checkpoint` holds the bytes to go on from. */
  zygoRuns(runs: readonly (Omit<RunOptions, 'from'> & { checkpoint?: number[] })[]): Promise<string>;
}

const page: DeterminismPage = {
  async zygoRuns(runs) {
    const found = await findBrowserAdapter();
    if ('problem' in found) throw new Error(`Chrome gives no WebGPU adapter: ${found.problem}`);
    const engine = await openEngine(found.adapter);
    try {
      const results: RunResult[] = [];
      for (const { checkpoint, ...options } of runs) {
        results.push(await trainingRun(engine, { ...options, ...(checkpoint ? { from: Uint8Array.from(checkpoint) } : {}) }));
      }
      return encodeResults(results);
    } finally {
      engine.destroy();
    }
  },
};
Object.assign(globalThis, page);
