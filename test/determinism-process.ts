/**
 * A training run in a process of its own, started by the determinism tests:
 * node determinism-process.js RESULT.json UNTIL [CHECKPOINT]
 */
import { readFile, writeFile } from 'node:fs/promises';
import { runOn } from './determinism-engine.js';
import { encodeResult } from './determinism-run.js';

const [resultFile, until, checkpoint] = process.argv.slice(2);
const result = await runOn({}, { until: Number(until), ...(checkpoint ? { from: await readFile(checkpoint) } : {}) });
await writeFile(resultFile, encodeResult(result));
