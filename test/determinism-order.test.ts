/**
 * No kernel leaves the order of a sum to the device: no atomics anywhere, and training with every workgroup and every
 * lane in reverse gives the same bits. That both notice what they should is shown on kernels that break the rule.
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Engine } from '../src/engine/index.js';
import { shaderSources } from '../src/shaders.generated.js';
import { differences, expectSameBits } from './determinism-compare.js';
import { openWith, withInstead, withShaders } from './determinism-engine.js';
import { trainingRun, type RunResult } from './determinism-run.js';
import { reverseAll, reversed } from './determinism-schedule.js';
import { withGeometry } from './geometries.js';

/** Few steps: what differs in one sum is in every parameter soon; one scalar, such as the gradient's norm, may round to the same bits for a few. */
const STEPS = { until: 8 };

/** Kernels that add the same numbers in the opposite order, as arriving atomics might: what stands there, what instead. */
const OTHER_ORDER: readonly (readonly [shader: string, from: string, to: string])[] = [
  ['reduction/column_sums_finish', 'partial[places.x + share *', 'partial[places.x + (places.w - 1u - share) *'],
  ['optimizer/sum_squares_partial', 'total += sums[k];', 'total += sums[63u - k];'],
];
const otherName = (shader: string): string => `other/${shader}`;
const others = Object.fromEntries(OTHER_ORDER.map(([shader, from, to]) => [otherName(shader), shaderSources[shader].replaceAll(from, to)]));

// One device for the kernels as they are and one for the reversed, so that they are compiled once for both geometries.
let engine: Engine;
let inReverse: Engine;

before(async () => {
  engine = await openWith(others);
  inReverse = await openWith(reverseAll(shaderSources));
});

after(() => {
  engine.destroy();
  inReverse.destroy();
});

const usual = new Map<boolean, Promise<RunResult>>();
/** The run with the kernels as they are, made once for each launch geometry. */
function usualRun(software: boolean): Promise<RunResult> {
  const known = usual.get(software) ?? trainingRun(withGeometry(engine, software), STEPS);
  usual.set(software, known);
  return known;
}

/**
 * Words of a WGSL program by which several invocations can add to one place in whatever order they come: its atomics
 * (integers only, so a float sum would be a compare-exchange loop over bit patterns), without comments.
 */
function atomicWords(source: string): string[] {
  return source.replace(/\/\/.*|\/\*[^]*?\*\//g, '').match(/\batomic\w*/g) ?? [];
}

test('no kernel uses atomics', () => {
  for (const [name, source] of Object.entries(shaderSources)) assert.deepEqual(atomicWords(source), [], name);
  // A float sum by compare-exchange, as it would have to be written.
  const exchange = `
    @group(0) @binding(0) var<storage, read_write> sum: array<atomic<u32>>; // not atomic
    fn add(value: f32) {
      var old = atomicLoad(&sum[0]);
      loop {
        let result = atomicCompareExchangeWeak(&sum[0], old, bitcast<u32>(bitcast<f32>(old) + value));
        if (result.exchanged) { break; }
        old = result.old_value;
      }
    }`;
  assert.deepEqual(atomicWords(exchange), ['atomic', 'atomicLoad', 'atomicCompareExchangeWeak']);
});

for (const software of [true, false]) {
  test(`workgroups and lanes in reverse give the same bits (geometry of ${software ? 'a software adapter' : 'a GPU'})`, async () => {
    expectSameBits(await usualRun(software), await trainingRun(withGeometry(inReverse, software), STEPS), 'the reversed run');
  });
}

test('one sum in another order changes the bits', async () => {
  for (const [shader, from] of OTHER_ORDER) {
    assert.ok(shaderSources[shader].includes(from), `${shader} must hold "${from}"`);
    const other = await trainingRun(withGeometry(withInstead(engine, shader, otherName(shader)), true), STEPS);
    assert.notEqual(differences(await usualRun(true), other).length, 0, `${shader} with another order must be noticed`);
  }
});

test('reversing shows a kernel whose workgroups race', async () => {
  // Each workgroup reads what another one writes. With more workgroups than any device holds at once, those that the
  // device takes first read the old value and those that it takes last the new one.
  const count = 1 << 20;
  const race = `
    @group(0) @binding(0) var<storage, read_write> x: array<f32>;
    @compute @workgroup_size(64)
    fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
      let i = group.x * 64u + lane;
      x[i] = 2.0 * x[(i + ${count / 2}u) % ${count}u] + 1.0;
    }`;
  const result = (source: string) =>
    withShaders({ race: source }, async (engine) => {
      const x = engine.zeros([count]);
      engine.dispatch({ shader: 'race', tensors: { x }, workgroups: [count / 64] });
      return engine.read(x);
    });
  assert.notDeepEqual(await result(race), await result(reversed('race', race)));
});
