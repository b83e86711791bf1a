/** WGSL as CUDA C++, ptxas's report and the occupancy that follows from it; the compiler itself is not needed. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseReport } from '../bench/registers/compile.js';
import { UntranslatableError } from '../bench/registers/cuda-types.js';
import { kernelsOfGpu } from '../bench/registers/kernels.js';
import { occupancyOf } from '../bench/registers/occupancy.js';
import { runRegisters } from '../bench/registers/run.js';
import { registerLines } from '../bench/registers/table.js';
import { translate } from '../bench/registers/translate.js';
import { CommandFailure, EXIT } from '../src/cli/failure.js';
import { PRESETS } from '../src/model/presets.js';
import { shaderSources } from '../src/shaders.generated.js';

/** A program with these lines in its `main`, and the lines of the translation, without those of the frame. */
function linesOf(body: string, before = ''): string {
  const source = `struct Params { count: u32, scale: f32 }
@group(0) @binding(0) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read_write> y: array<vec4<f32>>;
@group(0) @binding(2) var<uniform> params: Params;
${before}
@compute @workgroup_size(64)
fn main(@builtin(local_invocation_index) i: u32) {
${body}
}`;
  return translate('k', source).source;
}

test('a program becomes a struct with its bindings, and a kernel that fills it', () => {
  const text = linesOf('y[i] = params.scale * x[i];', 'var<workgroup> shares: array<f32, 64>;\nvar<private> turn: u32;');
  for (const part of [
    'struct z_Params {\nunsigned m_count;\nfloat m_scale;\n};',
    '__shared__ array<float, 64> z_shares;',
    'const vec<float, 4> * z_x;\nvec<float, 4> * z_y;\nz_Params z_params;',
    'unsigned z_turn = {};',
    'z_y[z_i] = (z_params.m_scale * z_x[z_i]);',
    '__launch_bounds__(64) k_main(',
  ]) assert.ok(text.includes(part), `${part} is missing in\n${text}`);
});

test('expressions and statements keep their meaning', () => {
  const cases: readonly (readonly [string, string])[] = [
    ['let a = 1.0 + f32(i) * 2.0;', 'const auto z_a = (1.000000000e+0f + (float(z_i) * 2.000000000e+0f));'],
    ['var a = i / 4u % 3u;', 'auto z_a = wgsl::remainder(wgsl::quotient(z_i, 4u), 3u);'],
    ['var a = 8u; a /= i;', 'z_a = wgsl::quotient(z_a, z_i);'],
    ['let a = x[i].zyx;', 'const auto z_a = wgsl::swizzle<2, 1, 0>(z_x[z_i]);'],
    ['let a = (x[i] + x[0]).w;', 'const auto z_a = (z_x[z_i] + z_x[0]).w;'],
    ['var a = vec4<f32>();', 'auto z_a = make<float, 4>();'],
    ['var a: array<vec4<f32>, 3>; a[i] += x[i];', 'z_a[z_i] += z_x[z_i];'],
    ['let a = select(0u, i, i > 2u);', 'wgsl::select(0u, z_i, (z_i > 2u));'],
    ['let a = bitcast<u32>(params.scale);', 'wgsl::bitcast<unsigned>(z_params.m_scale);'],
    ['for (var k = 0u; k < 4u; k += 2u) { if (k == i) { continue; } }', 'for (auto z_k = 0u; (z_k < 4u); z_k += 2u) {\nif ((z_k == z_i)) {\ncontinue;\n}\n}'],
    ['loop { if (i > 2u) { break; } }', 'for (;;) {\nif ((z_i > 2u)) {\nbreak;\n}\n}'],
    ['switch i { case 1u, 2u: { return; } default: { } }', 'case 1u: case 2u: { {\nreturn;\n}\n break; }'],
    ['workgroupBarrier();', 'wgsl::workgroupBarrier();'],
  ];
  for (const [body, expected] of cases) assert.ok(linesOf(body).includes(expected), `${body}: ${expected} is missing in\n${linesOf(body)}`);
});

test('what has no translation is named with its line', () => {
  const refused = (body: string, sentence: RegExp): void =>
    assert.throws(() => linesOf(body), (error: Error) => error instanceof UntranslatableError && sentence.test(error.message));
  refused('let a = 1u;\nlet b = firstLeadingBit(a);', /^line 9: the built-in function firstLeadingBit has no translation$/);
  refused('var a = 1u;\n{ let a = a + 1u; }', /^line 9: a, made from another of its name, has no translation$/);
  assert.throws(() => translate('k', shaderSources['matmul/matmul_f16_matrix']), /line \d+: a subgroup matrix has no translation/);
});

test('every kernel can be translated, with the constants in its file and with those of a GPU', async () => {
  const files = Object.keys(shaderSources).filter((name) => /@compute/.test(shaderSources[name]) && name !== 'matmul/matmul_f16_matrix');
  for (const name of files) assert.doesNotThrow(() => translate('k', shaderSources[name]), name);
  const kernels = await kernelsOfGpu([PRESETS.tiny]);
  for (const { shader, source } of kernels) assert.doesNotThrow(() => translate('k', source), shader);
  const launched = new Set(kernels.filter(({ where }) => where.includes('tiny')).map(({ shader }) => shader));
  for (const shader of ['matmul/matmul_block', 'attention/window_attention_rows', 'normalization/layer_norm_kept', 'optimizer/adamw']) assert.ok(launched.has(shader), shader);
  assert.ok(![...launched].some((shader) => shader.endsWith('_quad')), 'a GPU gets no kernel that is meant for software adapters');
});

const REPORT = `ptxas info    : 0 bytes gmem
ptxas info    : Compiling entry function 'k0_main' for 'sm_90'
ptxas info    : Function properties for k0_main
    0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads
ptxas info    : Used 128 registers, used 1 barriers, 12288 bytes smem, 580 bytes cmem[0]
ptxas info    : Compiling entry function 'k1_main' for 'sm_90'
ptxas info    : Function properties for k1_main
    544 bytes stack frame, 1076 bytes spill stores, 540 bytes spill loads
ptxas info    : Used 255 registers, used 0 barriers, 640 bytes cmem[0]
`;

test('the report of ptxas is read, and what needs a look comes first', () => {
  const report = parseReport(REPORT);
  const first = { registers: 128, stackBytes: 0, spillStoreBytes: 0, spillLoadBytes: 0, sharedBytes: 12288 };
  const second = { registers: 255, stackBytes: 544, spillStoreBytes: 1076, spillLoadBytes: 540, sharedBytes: 0 };
  assert.deepEqual([...report], [['k0', first], ['k1', second]]);
  const kernel = { shader: 'a/b', constants: { N: 4, TALL: true, WIDE: false }, source: '', where: ['tiny', 'swin-t'] };
  assert.deepEqual(registerLines([{ kernel, threads: 128, assembled: first }, { kernel, threads: 32, assembled: second }], 'sm_90').slice(2), [
    '| a/b | N=4 TALL | 32 | 255 | 544 | 1076 + 540 |  | 8 | 13 % | registers | tiny, swin-t |',
    '| a/b | N=4 TALL | 128 | 128 |  |  | 12288 | 4 | 25 % | registers | tiny, swin-t |',
  ]);
});

test('occupancy follows from what runs out first', () => {
  const of = (threads: number, registers: number, sharedBytes: number) => Object.values(occupancyOf('sm_90', { threads, registers, sharedBytes }));
  assert.deepEqual(of(256, 32, 0), [8, 1, 'threads']);
  assert.deepEqual(of(32, 32, 0), [32, 0.5, 'workgroups']);
  // 129 registers are dealt as 136: 15 warps would fit, and each quarter of the multiprocessor takes whole ones.
  assert.deepEqual(of(128, 129, 0), [3, 12 / 64, 'registers']);
  assert.deepEqual(of(64, 32, 47 * 1024), [4, 8 / 64, 'shared memory']);
  assert.equal(occupancyOf('sm_86', { threads: 64, registers: 32, sharedBytes: 0 }).workgroups, 16);
});

test('without a compiler the command says what is missing', async () => {
  const command = runRegisters({ arch: 'sm_90', nvcc: '/nowhere/nvcc' });
  await assert.rejects(command, (error: Error) => error instanceof CommandFailure && error.exitCode === EXIT.badInput && /^\/nowhere\/nvcc cannot be run: expected NVIDIA's CUDA compiler/.test(error.message));
});
