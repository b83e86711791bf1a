/**
 * Every kernel that needs no optional feature is run in wgsl_reflect's interpreter: on what the device was given, with
 * all invocations of a workgroup taken forward together, so that accesses that no barrier orders are found; workgroups
 * are checked against each other too (nothing ever orders those), and the results must be the device's. Then the same
 * without each single barrier, which must be noticed. The tests of the kernels are in races-<...>.test.ts; this file
 * tests that none is left out, and the tools.
 */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { detectRaces } from 'wgsl_reflect/wgsl_reflect.module.js';
import { reflect } from '../src/engine/reflection.js';
import { shaderSources } from '../src/shaders.generated.js';
import { RACE_CASES } from './interpreter/cases.js';
import { examine } from './interpreter/compare.js';
import { WRONG_VALUES } from './interpreter/exceptions.js';
import { interpret } from './interpreter/interpret.js';
import { BARRIER } from './interpreter/place.js';
import type { Launch } from './interpreter/record.js';
import { baseKernels } from './interpreter/suite.js';

/** The sources of the tests, seen from dist/test. */
const TESTS = join(dirname(fileURLToPath(import.meta.url)), '..', '..', 'test');

test('every folder of kernels has cases and is tested in exactly one file', () => {
  const folders = [...new Set(baseKernels().map((name) => name.split('/')[0]))].sort();
  assert.deepEqual(Object.keys(RACE_CASES).sort(), folders);
  const tested = readdirSync(TESTS)
    .filter((name) => /^races-.*\.test\.ts$/.test(name))
    .flatMap((name) => [...readFileSync(join(TESTS, name), 'utf8').matchAll(/testRaces\('(\w+)'\)/g)].map((match) => match[1]));
  assert.deepEqual(tested.sort(), folders);
});

test('only variants that need an optional feature are left out, and exceptions are kernels', () => {
  const compute = Object.keys(shaderSources).filter((name) => shaderSources[name].includes('@compute'));
  const base = baseKernels();
  const left = [
    'attention/window_attention_backward_quad',
    'attention/window_attention_quad',
    'matmul/matmul_f16_matrix',
    'matmul/matmul_f16_native',
    'matmul/matmul_quad',
    'normalization/layer_norm_backward_quad',
    'normalization/layer_norm_f16_quad',
    'normalization/layer_norm_quad',
    'normalization/softmax_backward_quad',
    'normalization/softmax_quad',
    'pooling/region_pool_features_backward_quad',
    'pooling/region_pool_masks_backward_quad',
    'pooling/region_pool_quad',
  ];
  assert.deepEqual(compute.filter((name) => !base.includes(name)), left);
  for (const name of Object.keys(WRONG_VALUES)) assert.ok(base.includes(name), `${name} is no kernel`);
});

/** A launch of a program of the test's own, whose device results are those of the interpreter unless given. */
function launchOf(source: string, size: number, workgroups: readonly [number, number, number] = [1, 1, 1], after?: Float32Array<ArrayBuffer>): Launch {
  const start = Float32Array.from({ length: size }, (_, index) => index);
  const launch = { shader: 'own', name: 'own', source, reflection: reflect('own', source), workgroups, uniform: null, before: { x: start.buffer }, after: { x: start.buffer } };
  return { ...launch, after: after ? { x: after.buffer } : interpret(launch).buffers };
}

/** x reversed within each workgroup of 8, through workgroup memory. */
const REVERSE = `
var<workgroup> shared_x: array<f32, 8>;
@group(0) @binding(0) var<storage, read_write> x: array<f32>;
@compute @workgroup_size(8)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  shared_x[lane] = x[group.x * 8u + lane];
  workgroupBarrier();
  x[group.x * 8u + lane] = shared_x[7u - lane];
}`;

test('a launch of several workgroups is run right', () => {
  const launch = launchOf(REVERSE, 16, [2, 1, 1]);
  assert.deepEqual([...new Float32Array(launch.after.x)], [7, 6, 5, 4, 3, 2, 1, 0, 15, 14, 13, 12, 11, 10, 9, 8]);
  assert.deepEqual(examine(launch), { races: [], values: [] });
});

test('what the interpreter alone gets wrong is made right: barriers that open a block, calls in expressions, private variables', () => {
  const source = `
var<workgroup> sums: array<f32, 8>;
var<private> own: f32;
@group(0) @binding(0) var<storage, read_write> x: array<f32>;
fn twice(value: f32) -> f32 { return 2.0 * value; }
@compute @workgroup_size(8)
fn main(@builtin(local_invocation_index) lane: u32) {
  own = x[lane];
  let value = twice(own);
  sums[lane] = value;
  for (var stride = 4u; stride > 0u; stride /= 2u) {
    workgroupBarrier();
    if (lane < stride) { sums[lane] = sums[lane] + sums[lane + stride]; }
  }
  if (lane == 0u) { x[0] = sums[0]; }
}`;
  const launch = launchOf(source, 8, [1, 1, 1], Float32Array.of(56, 1, 2, 3, 4, 5, 6, 7));
  assert.deepEqual(examine(launch), { races: [], values: [] });
});

/** Programs with a fault, and the words by which it must be reported. */
const FAULTS: readonly (readonly [what: string, source: string, words: RegExp])[] = [
  ['a missing barrier', REVERSE.replace(BARRIER, ''), /^invocations race on shared_x/],
  ['a barrier for the other address space', REVERSE.replace('workgroupBarrier', 'storageBarrier'), /^invocations race on shared_x/],
  [
    'a barrier that some invocations do not reach',
    REVERSE.replace('workgroupBarrier();', 'if (lane < 4u) { workgroupBarrier(); }').replace('shared_x[7u - lane]', '1.0'),
    /^Barrier divergence/,
  ],
  ['workgroup memory that nothing was written to', REVERSE.replace('array<f32, 8>', 'array<f32, 9>').replace('[7u - lane]', '[8u]'), /^workgroup memory is read before it is written in shared_x/],
  ['workgroups that write one place', REVERSE.replace('x[group.x * 8u + lane] = shared_x', 'x[lane] = shared_x'), /^workgroups race on x/],
  ["a workgroup that reads what another writes", REVERSE.replace('= x[group.x * 8u + lane]', '= x[15u - group.x * 8u - lane]'), /^workgroups race on x/],
];

for (const [what, source, words] of FAULTS) {
  test(`${what} is found`, () => {
    const { races } = examine(launchOf(source, 16, [2, 1, 1]));
    assert.ok(races.some((race) => words.test(race)), `found only: ${races.join('; ')}`);
  });
}

test('a result that is not the device\'s is found', () => {
  const launch = launchOf(REVERSE, 16, [2, 1, 1]);
  const after = new Float32Array(launch.after.x.slice(0));
  after[3] += 0.1;
  assert.match(examine({ ...launch, after: { x: after.buffer } }).values.join(), /^x is .* away from the device's$/);
});

test("conflicts are those that wgsl_reflect's own tracker finds", () => {
  const body = (line: string) => `
var<workgroup> shared_x: array<f32, 8>;
@group(0) @binding(0) var<storage, read_write> x: array<f32>;
@compute @workgroup_size(8)
fn main(@builtin(local_invocation_index) lane: u32) {
  shared_x[lane] = 0.0;
  x[lane] = 1.0;
  ${line}
}`;
  const lines = ['x[lane] = shared_x[lane];', 'shared_x[0] = x[lane];', 'shared_x[lane] = shared_x[lane / 2u];', 'x[lane] += 1.0;', 'x[7u - lane] = 2.0;'];
  const verdicts = lines.map((line) => {
    const source = body(line);
    const theirs = detectRaces(source, 'main', [1, 1, 1], { 0: { 0: new Float32Array(8).buffer } }).races.length > 0;
    assert.equal(interpret(launchOf(source, 8)).complaints.length > 0, theirs, line);
    return theirs;
  });
  assert.deepEqual(verdicts, [false, true, true, false, true]);
});
