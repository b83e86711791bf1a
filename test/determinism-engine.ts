/** Engines for the determinism tests: fresh devices, with kernels of the test's own in place of Zygo's. */
import assert from 'node:assert/strict';
import type { Engine, ShaderSources } from '../src/engine/index.js';
import { openEngine } from '../src/kernels/open-engine.js';
import { findNodeGpu } from '../src/platform/node/gpu.js';
import { trainingRun, type RunOptions, type RunResult } from './determinism-run.js';
import { withGeometry } from './geometries.js';

let found: ReturnType<typeof findNodeGpu> | null = null;

/** Runs `body` with an engine on a new device whose shader lookup finds `shaders` first. */
export async function withShaders<T>(shaders: ShaderSources, body: (engine: Engine) => Promise<T>): Promise<T> {
  found ??= findNodeGpu();
  const { gpu } = await found;
  const adapter = await gpu.requestAdapter({ powerPreference: 'high-performance' });
  assert.ok(adapter);
  const engine = await openEngine(adapter, shaders);
  try {
    return await body(engine);
  } finally {
    engine.destroy();
  }
}

/** A training run on a new device. `software` forces the launch geometry of a software adapter (true) or of a GPU (false). */
export function runOn(shaders: ShaderSources, { software, ...options }: RunOptions & { software?: boolean } = {}): Promise<RunResult> {
  return withShaders(shaders, (engine) => trainingRun(software === undefined ? engine : withGeometry(engine, software), options));
}
