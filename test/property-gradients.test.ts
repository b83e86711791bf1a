/** Gradients of every differentiable op over random shapes, against finite differences of its float64 reference. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { type Engine } from '../src/engine/index.js';
import { linear } from '../src/kernels/matmul/index.js';
import { checkGradients } from './gradient-check.js';
import { sharedEngine } from './helpers.js';
import { OPERATIONS } from './property-operations.js';
import { property } from './property-runner.js';

const engine = await sharedEngine();

/** Names under which ops have put themselves on a tape. */
const recorded = new Set<string>();
const watching = Object.create(engine, {
  record: {
    value(this: Engine, ...call: Parameters<Engine['record']>) {
      recorded.add(call[0]);
      engine.record.apply(this, call);
    },
  },
}) as Engine;

const RUNS = 6;

for (const [name, cases] of Object.entries(OPERATIONS)) {
  test(`gradients of ${name} equal finite differences over random shapes`, () =>
    property(name, RUNS, cases, async ({ inputs, forward, reference, backwardTolerance = 1e-4 }) => {
      await checkGradients({
        engine: watching,
        name: inputs.map(({ shape }) => `[${shape.join(', ')}]`).join(' '),
        inputs,
        forward: (tensors) => forward(watching, tensors),
        reference,
        backwardTolerance,
        samples: 12,
      });
    }));
}

test('no differentiable op is left out', () => {
  const folder = new URL('../../src/kernels/', import.meta.url);
  const sources = readdirSync(folder, { recursive: true })
    .map(String)
    .filter((name) => name.endsWith('.ts'))
    .map((name) => readFileSync(new URL(name, folder), 'utf8'));
  const names = sources.flatMap((source) => [...source.matchAll(/engine\.record\('(\w+)'/g)].map((match) => match[1]));
  assert.ok(names.length > 15, `only ${names.length} ops were found in src/kernels`);
  // Two places pass a name on: the activations, and sum and mean.
  const missing = [...new Set([...names, 'gelu', 'relu', 'sum', 'mean'])].filter((name) => !recorded.has(name));
  assert.deepEqual(missing, [], 'these ops are differentiable but no property above reaches them');
});

test('linear with GELU keeps its values before GELU only for a backward pass', () =>
  engine.scope(() => {
    const [x, weight] = [engine.zeros([64, 32]), engine.zeros([128, 32])];
    const bytesOf = (body: () => void): number =>
      engine.scope(() => {
        const before = engine.memory.bytes;
        body();
        return engine.memory.bytes - before;
      });
    const without = bytesOf(() => linear(engine, x, weight, null, { activation: 'gelu' }));
    const within = bytesOf(() =>
      engine.withTape((tape) => {
        tape.watch(x);
        linear(engine, x, weight, null, { activation: 'gelu' });
      }),
    );
    assert.ok(without < 2 * 64 * 128 * 4, `${without} bytes without a gradient, expected hardly more than the result`);
    assert.ok(within >= 2 * 64 * 128 * 4, `${within} bytes with a gradient, expected the result and the values before GELU`);
  }));
