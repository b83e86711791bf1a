/** Engines for the determinism tests: fresh devices, with kernels of the test's own in place of Zygo's. */
import assert from 'node:assert/strict';
import type { Engine, KernelCall, ShaderSources } from '../src/engine/index.js';
import { openEngine } from '../src/kernels/open-engine.js';
import { findNodeGpu } from '../src/platform/node/gpu.js';

let found: ReturnType<typeof findNodeGpu> | null = null;

/** An engine on a new device whose shader lookup finds `shaders` first. */
export async function openWith(shaders: ShaderSources): Promise<Engine> {
  found ??= findNodeGpu();
  const { gpu } = await found;
  const adapter = await gpu.requestAdapter({ powerPreference: 'high-performance' });
  assert.ok(adapter);
  return openEngine(adapter, shaders);
}

/** Runs `body` with an engine on a new device whose shader lookup finds `shaders` first. */
export async function withShaders<T>(shaders: ShaderSources, body: (engine: Engine) => Promise<T>): Promise<T> {
  const engine = await openWith(shaders);
  try {
    return await body(engine);
  } finally {
    engine.destroy();
  }
}

/** The same engine, except that launches of one shader run another of its shaders, which must have the same bindings. */
export function withInstead(engine: Engine, shader: string, other: string): Engine {
  const { dispatch } = engine;
  return Object.create(engine, {
    dispatch: {
      value(this: Engine, call: KernelCall): void {
        dispatch.call(this, call.shader === shader ? { ...call, shader: other } : call);
      },
    },
  }) as Engine;
}
