/**
 * A training run in a process of its own, started by the determinism tests:
 * node determinism-process.js RESULT.json UNTIL [CHECKPOINT]
 */
import { readFile, writeFile } from 'node:fs/promises';
import { encodeResult, trainingRun } from './determinism-run.js';
import { openTestEngine } from './helpers.js';

const [resultFile, until, checkpoint] = process.argv.slice(2);
const engine = await openTestEngine();
const result = await trainingRun(engine, { until: Number(until), ...(checkpoint ? { from: await readFile(checkpoint) } : {}) });
await writeFile(resultFile, encodeResult(result));
engine.destroy();
