/**
 * Training in a process of its own, started by the determinism tests: goes on from a checkpoint to the end of the run,
 * and then, on the same device (so that kernels are compiled once), does the whole run.
 * node determinism-process.js RESULTS.json CHECKPOINT
 */
import { readFile, writeFile } from 'node:fs/promises';
import { withShaders } from './determinism-engine.js';
import { encodeResults, trainingRun } from './determinism-run.js';

const [resultsFile, checkpoint] = process.argv.slice(2);
await withShaders({}, async (engine) => {
  const resumed = await trainingRun(engine, { from: await readFile(checkpoint) });
  await writeFile(resultsFile, encodeResults([resumed, await trainingRun(engine)]));
});
