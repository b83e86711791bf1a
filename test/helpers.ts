/** What every engine test needs: an engine on this machine's adapter, random inputs, and comparisons. */
import assert from 'node:assert/strict';
import { after } from 'node:test';
import { type Engine, type Tensor } from '../src/engine/index.js';
import { openEngine } from '../src/kernels/open-engine.js';
import { VARIANT_FAMILIES } from '../src/kernels/variants.js';
import { findNodeGpu } from '../src/platform/node/gpu.js';

let found: ReturnType<typeof findNodeGpu> | null = null;

/** An engine on the machine's adapter; fails, never skips, when there is none. Destroy it when the test ends. */
export async function openTestEngine(): Promise<Engine> {
  found ??= findNodeGpu();
  const { gpu } = await found;
  const adapter = await gpu.requestAdapter({ powerPreference: 'high-performance' });
  assert.ok(adapter, 'the adapter that was found once must be found again');
  return openEngine(adapter);
}

let shared: Engine | null = null;

after(() => shared?.destroy());

/**
 * The engine that all tests of this process share, so that a pipeline compiles once for all of them: those of one file,
 * or of the files that scripts/test.mjs runs together. It is ended with the process; nobody else may end it, and a
 * variant that is forced must be given back.
 */
export async function sharedEngine(): Promise<Engine> {
  return (shared ??= await openTestEngine());
}

/** The same engine for code that ends the one that it was given. */
export function lent(engine: Engine): Engine {
  return Object.create(engine, { destroy: { value: () => {} } }) as Engine;
}

async function within(engine: Engine, body: (engine: Engine) => Promise<void>): Promise<void> {
  await engine.scope(() => body(engine));
  engine.checkDevice();
  assert.equal(engine.memory.buffers, 0, 'every buffer must be given back when its scope ends');
}

/**
 * Runs `body` with the shared engine, and checks afterwards that no buffer outlives its scope. Forced variants are given
 * back; a test that fails takes the engine with it.
 */
export async function withEngine(body: (engine: Engine) => Promise<void>): Promise<void> {
  const engine = await sharedEngine();
  try {
    await within(engine, body);
    for (const family of Object.keys(VARIANT_FAMILIES)) engine.force(family, null);
  } catch (error) {
    shared = null;
    engine.destroy();
    throw error;
  }
}

/** Like `withEngine`, with an engine on a new device: for tests of the engine itself, or that change it for good. */
export async function withOwnEngine(body: (engine: Engine) => Promise<void>): Promise<void> {
  const engine = await openTestEngine();
  try {
    await within(engine, body);
  } finally {
    engine.destroy();
  }
}

/** Deterministic numbers in [-1, 1) for tests (a 32-bit mixing function, nothing statistical rests on it). */
export function randomValues(count: number, seed: number): Float32Array<ArrayBuffer> {
  const values = new Float32Array(count);
  let state = (seed * 0x9e3779b1) >>> 0;
  for (let index = 0; index < count; index++) {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    values[index] = ((mixed ^ (mixed >>> 14)) >>> 0) / 2147483648 - 1;
  }
  return values;
}

/** Largest absolute difference, relative to the largest magnitude in `expected`. */
export function relativeError(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  assert.equal(actual.length, expected.length, 'element counts differ');
  let largest = 0;
  let difference = 0;
  for (let index = 0; index < expected.length; index++) {
    if (!Number.isFinite(actual[index])) return Infinity;
    largest = Math.max(largest, Math.abs(expected[index]));
    difference = Math.max(difference, Math.abs(actual[index] - expected[index]));
  }
  return largest === 0 ? difference : difference / largest;
}

/** Asserts that a tensor's contents equal the reference within `tolerance`, relative to its largest magnitude. */
export async function expectClose(engine: Engine, tensor: Tensor, expected: ArrayLike<number>, tolerance: number, what: string): Promise<void> {
  const error = relativeError(await engine.read(tensor), expected);
  assert.ok(error <= tolerance, `${what}: relative error ${error.toExponential(2)} exceeds ${tolerance}`);
}
