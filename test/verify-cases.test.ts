/** The cases of `zygo verify`: all pass here, none of the shaders is left out, and what is wrong is found. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Engine } from '../src/engine/index.js';
import { openEngine } from '../src/kernels/index.js';
import { VARIANT_FAMILIES } from '../src/kernels/variants.js';
import { loadCanonicalMesh } from '../src/platform/node/canonical-mesh.js';
import { findNodeGpu } from '../src/platform/node/gpu.js';
import { shaderSources } from '../src/shaders.generated.js';
import { allCases, kernelCases, recordLaunches, verify, type VerifyCase, type VerifyResult } from '../src/verify/index.js';
import { lent, openTestEngine, withEngine } from './helpers.js';

async function resultsOf(open: () => Promise<Engine>, cases: readonly VerifyCase[]): Promise<VerifyResult[]> {
  const results: VerifyResult[] = [];
  for await (const result of verify(open, cases)) results.push(result);
  return results;
}

test('every shader and every variant is verified, and all agree with float64', async () => {
  const cases = allCases(await loadCanonicalMesh());
  const launched = new Set<string>(cases.flatMap(({ renders }) => renders ?? []));
  let features: GPUSupportedFeatures | null = null;
  let results: VerifyResult[] = [];
  await withEngine(async (engine) => {
    features = engine.device.features;
    const stop = engine.observe({ launch: ({ call }) => launched.add(call.shader) });
    results = await resultsOf(async () => lent(engine), cases);
    stop();
  });
  const failed = results.filter(({ verdict }) => verdict === 'fail');
  assert.deepEqual(failed.map(({ op, name, variant, note }) => `${op} ${name} ${variant}: ${note}`), []);
  /** A shader whose features the device lacks; its variant must be named as not offered, below. */
  const lacking = (shader: string): boolean =>
    [...shaderSources[shader].matchAll(/^enable (\w+);/gm)].some(([, name]) => !['subgroups', `shader-${name}`].some((feature) => (name === 'subgroups' || feature !== 'subgroups') && (features as GPUSupportedFeatures | null)?.has(feature)));
  assert.deepEqual(Object.keys(shaderSources).filter((shader) => !launched.has(shader) && !lacking(shader)), [], 'shaders without a case');
  for (const [family, { variants }] of Object.entries(VARIANT_FAMILIES)) {
    for (const [variant, needs] of Object.entries(variants)) {
      const offered = needs.every((feature) => (features as GPUSupportedFeatures | null)?.has(feature));
      const wanted = offered ? 'pass' : 'not offered';
      const ran = results.some((result) => result.verdict === wanted && new RegExp(`\\b${family}=(\\w+\\+)*${variant}\\b`).test(result.variant));
      assert.ok(ran, `${family}=${variant} must be ${wanted} in some case`);
    }
  }
  assert.equal(new Set(cases.map(({ op, name }) => `${op} ${name}`)).size, cases.length, 'cases have names of their own');
});

/** An engine with one shader replaced. */
const withShader = (shader: string, source: string) => async (): Promise<Engine> => openEngine((await findNodeGpu()).adapter, { [shader]: source });

const casesOf = (...ops: string[]): VerifyCase[] => kernelCases().filter(({ op }) => ops.includes(op));

test('a wrong kernel fails, alone', async () => {
  const source = shaderSources['elementwise/relu'];
  const wrong = source.replaceAll('max(', 'min(');
  assert.notEqual(wrong, source);
  const results = await resultsOf(withShader('elementwise/relu', wrong), casesOf('relu', 'fill'));
  for (const { op, verdict, outputs } of results) {
    assert.equal(verdict, op === 'relu' ? 'fail' : 'pass', op);
    if (op === 'relu') assert.ok(outputs[0].output === 'y' && outputs[0].error > 0.1);
  }
});

test('a kernel that the device refuses fails, and the rest goes on', async () => {
  const source = `${shaderSources['elementwise/fill']}\nfn refused() -> u32 { return 1.5; }`;
  const results = await resultsOf(withShader('elementwise/fill', source), casesOf('fill', 'relu'));
  assert.deepEqual(new Set(results.map(({ op, verdict }) => `${op} ${verdict}`)), new Set(['fill fail', 'relu pass']));
  for (const { op, note } of results) if (op === 'fill') assert.match(note, /elementwise\/fill|device reported an error/);
});

test('one wrong element of a gradient is found although few are compared one by one', async () => {
  const source = shaderSources['elementwise/relu_backward'];
  // Element 4444, which is not among those.
  const wrong = source.replace('dx[i] = value;', 'dx[i] = value + select(vec4<f32>(0.0), vec4<f32>(0.5, 0.0, 0.0, 0.0), i == 1111u);');
  assert.notEqual(wrong, source);
  const [relu] = casesOf('relu');
  assert.ok(!relu.reference()['d/d x'].at?.includes(4444));
  const results = await resultsOf(withShader('elementwise/relu_backward', wrong), [relu]);
  for (const { verdict, note } of results) assert.deepEqual([verdict, note], ['fail', 'd/d x is wrong']);
});

test('recorded launches hold what a kernel read and was told', async () => {
  const engine = await openTestEngine();
  try {
    const [add] = casesOf('affine');
    const launches = await recordLaunches(engine, add);
    assert.deepEqual(launches.map(({ shader }) => shader), ['elementwise/affine', 'elementwise/affine']);
    const [forward] = launches;
    assert.ok(forward.source.includes('const PER_THREAD: u32 ='));
    assert.ok(forward.uniform && new Uint32Array(forward.uniform)[0] === 9001);
    const given = kernelCases().find(({ op }) => op === 'affine')?.reference().y.values as ArrayLike<number>;
    // y = 1.5 x - 0.25
    assert.ok(Math.abs(1.5 * forward.before.x[7] - 0.25 - given[7]) < 1e-6);
    assert.equal(engine.memory.buffers, 0);
  } finally {
    engine.destroy();
  }
});

test('a forced variant that a problem does not take is an error, not another kernel', async () => {
  const engine = await openTestEngine();
  try {
    engine.force('matmul', 'register');
    const ragged = kernelCases().find(({ op, name }) => op === 'matmul' && name.startsWith('37 x')) as VerifyCase;
    assert.throws(() => engine.scope(() => ragged.run(engine)), /variant register is forced, but this problem on this device takes only naive, tile, workgroup/);
    engine.force('matmul', null);
    engine.scope(() => void ragged.run(engine));
  } finally {
    engine.destroy();
  }
});
