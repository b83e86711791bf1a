/** The benchmark's own kernels on the device: the composed rival equals the fused kernel, and subjects check themselves. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DeviceError, type Engine, type Tensor, type TunedLookup } from '../src/engine/index.js';
import { windowAttention } from '../src/kernels/attention/index.js';
import { sinkhorn } from '../src/kernels/sinkhorn/index.js';
import { VARIANT_FAMILIES } from '../src/kernels/variants.js';
import { PRESETS } from '../src/model/presets.js';
import { openEngine } from '../src/kernels/open-engine.js';
import { findNodeGpu } from '../src/platform/node/gpu.js';
import { relativeError } from '../src/verify/compare.js';
import { composedSinkhorn } from '../bench/composed/sinkhorn.js';
import { composedWindowAttention } from '../bench/composed/window-attention.js';
import { DeviceTimer } from '../src/timing/device-timer.js';
import { measureGroup, type Bench } from '../bench/harness/measure.js';
import { Canary } from '../bench/harness/peaks.js';
import { Replay } from '../src/timing/replay.js';
import type { Group, Subject } from '../bench/harness/subject.js';
import { subjectOf, type OpCase } from '../bench/suites/case.js';
import type { Stage } from '../bench/suites/context.js';
import { addCase, attentionCase, layerNormCase, linearCase, productCase, regionPoolCase } from '../bench/suites/ops.js';
import { columnFinishCase, columnSumCase } from '../bench/suites/columns.js';
import { halfCases, halfProductCase } from '../bench/suites/half.js';
import { kernelSuite } from '../bench/suites/kernels.js';
import { mlpCase, stemCase } from '../bench/suites/layers.js';
import { marginalsCase, priorUpdateCase } from '../bench/suites/losses.js';
import { concatCase, gatherRowsCase, patchifyCase, stochasticResidualCase, transposeCase } from '../bench/suites/moves.js';
import { fusedOptimizerGroups, optimizerGroups } from '../bench/suites/optimizer.js';
import { plainGroup } from '../bench/suites/plain.js';
import { blockRivals } from '../bench/suites/rivals.js';
import { EPSILON, sinkhornCase, sinkhornRivals } from '../bench/suites/sinkhorn.js';
import { shaderSources } from '../bench/shaders.generated.js';
import { randomValues } from './helpers.js';

async function withBenchEngine(body: (engine: Engine) => Promise<void>): Promise<void> {
  const { adapter } = await findNodeGpu();
  const engine = await openEngine(adapter, shaderSources);
  try {
    await engine.scope(() => body(engine));
    engine.checkDevice();
    assert.equal(engine.memory.buffers, 0, 'every buffer must be given back when its scope ends');
  } finally {
    engine.destroy();
  }
}

/** y and the gradients of qkv and the table. */
async function attend(engine: Engine, forward: (qkv: Tensor, table: Tensor) => Tensor, qkv: Tensor, table: Tensor): Promise<Float32Array[]> {
  const outputs = engine.withTape((tape) => {
    tape.watch(qkv);
    tape.watch(table);
    const y = forward(qkv, table);
    tape.backward([[y, engine.tensor(randomValues(y.size, 3), y.shape)]]);
    return [y, tape.gradientOf(qkv) as Tensor, tape.gradientOf(table) as Tensor];
  });
  return Promise.all(outputs.map(async (output) => Float32Array.from(await engine.read(output))));
}

test('window attention from separate kernels equals the fused kernel, forward and backward', () =>
  withBenchEngine(async (engine) => {
    for (const { batch, size, heads, channels, windowSize, shift } of [
      { batch: 2, size: 8, heads: 2, channels: 16, windowSize: 4, shift: 2 },
      { batch: 1, size: 6, heads: 2, channels: 12, windowSize: 3, shift: 0 },
      { batch: 2, size: 7, heads: 2, channels: 8, windowSize: 7, shift: 3 },
    ]) {
      const qkv = engine.tensor(randomValues(batch * size * size * 3 * channels, 1), [batch, size, size, 3 * channels]);
      const table = engine.tensor(randomValues((2 * windowSize - 1) ** 2 * heads, 2), [(2 * windowSize - 1) ** 2, heads]);
      const options = { heads, windowSize, shift };
      const fused = await attend(engine, (x, t) => windowAttention(engine, x, t, options), qkv, table);
      const composed = await attend(engine, (x, t) => composedWindowAttention(engine, x, t, options), qkv, table);
      fused.forEach((expected, at) => {
        const error = relativeError(composed[at], { values: expected, tolerance: 0 });
        assert.ok(error < 2e-5, `${['y', 'd/d qkv', 'd/d table'][at]} of window ${windowSize}, shift ${shift}: ${error}`);
      });
    }
  }));

/** Prepares, runs and checks a subject: its largest error over its tolerance. */
async function checked(engine: Engine, subject: Subject): Promise<number> {
  return engine.scope(async () => {
    const prepared = await subject.capture(engine);
    await prepared.step.prepare();
    prepared.step.run();
    const outputs = await prepared.check();
    assert.ok(outputs.length > 0, 'a subject must compare something');
    const worst = Math.max(...outputs.map(({ actual, expected }) => relativeError(actual, expected) / expected.tolerance));
    prepared.step.destroy();
    return worst;
  });
}

async function expectRight(engine: Engine, what: string, subject: Subject): Promise<void> {
  const worst = await checked(engine, subject);
  assert.ok(worst <= 1, `${what}, ${subject.name.pass}, ${subject.name.implementation}: error ${worst} times its tolerance`);
}

const STAGE: Stage = { model: 'test', stage: 0, size: 8, channels: 16, heads: 2, windowSize: 4, hidden: 32, shift: 2, pooled: true };

test('every kind of subject meets its own reference, forward and backward', () =>
  withBenchEngine(async (engine) => {
    const cases: OpCase[] = [
      productCase(20, 24, 36),
      linearCase('test', 40, 12, 20, { activation: 'gelu', residual: true }),
      layerNormCase('test', 24, 16),
      addCase('test', 24, 16),
      attentionCase('test', { batch: 4, ...STAGE }),
      regionPoolCase('test', 4, 4, 8, 3),
      mlpCase('test', { tokens: 24, inputs: 12, hidden: 20, outputs: 8 }),
      stemCase('test', 4, 8, 8),
      stochasticResidualCase('test', [4, 3, 8], 0.5),
      transposeCase('test', 6, 3, 8),
      concatCase('test', [4, 3], [8, 12]),
      patchifyCase('test', 2, 8, 4),
      halfProductCase(24),
      ...halfCases(STAGE, 2),
    ];
    for (const given of cases) {
      for (const pass of ['forward', 'backward'] as const) await expectRight(engine, given.op, subjectOf(given, { section: 'kernels', pass }));
    }
    const plain = [gatherRowsCase('test', 6, 8), columnSumCase('test', 40, 12), columnFinishCase('test', 40, 12), priorUpdateCase(PRESETS.tiny, 4), marginalsCase(PRESETS.tiny, 4)];
    for (const { name, subjects } of [...optimizerGroups('test', 8192), ...fusedOptimizerGroups('test', 8192), ...plain.map(plainGroup)]) await expectRight(engine, name, subjects[0]);
  }));

test('the kernel suite has a ladder of every family of variants', () =>
  withBenchEngine(async (engine) => {
    const names = kernelSuite({ engine, flopsLimit: Infinity, bytesLimit: Infinity, runLimit: 2, peers: [], skip() {} }).map(({ name }) => name);
    const missing = Object.keys(VARIANT_FAMILIES).filter((family) => !names.some((name) => name.startsWith(`Ladder of ${family}: `)));
    assert.deepEqual(missing, []);
  }));

test('rivals meet the same reference', () =>
  withBenchEngine(async (engine) => {
    const groups = [...sinkhornRivals({ batch: 8, n: 6, iterations: 5 }), ...blockRivals(STAGE, 2)].filter(({ subjects }) => subjects[0].name.pass === 'forward and backward');
    for (const { name, subjects } of groups) for (const subject of subjects) await expectRight(engine, name, subject);
  }));

test('transport by a launch per half-iteration meets the float64 gradients, in blocks that are not full and over 50 iterations', () =>
  withBenchEngine(async (engine) => {
    for (const sizes of [{ batch: 36, n: 12, iterations: 50 }, { batch: 3, n: 5, iterations: 1 }, { batch: 5, n: 16, iterations: 20 }]) {
      const given = sinkhornCase(sizes, 'test');
      const forward: OpCase['forward'] = (e, { cost, a, b }) => composedSinkhorn(e, cost, a, b, { epsilon: EPSILON, iterations: sizes.iterations });
      await expectRight(engine, given.shape, subjectOf(given, { section: 'comparison', pass: 'forward and backward', rival: { implementation: 'scaling form', forward } }));
    }
  }));

/** Plan and gradients of a transport problem whose sides differ and of which one mass is 0. */
async function transport(engine: Engine, solve: (cost: Tensor, a: Tensor, b: Tensor) => Tensor): Promise<Float32Array[]> {
  const [batch, n, m] = [2, 5, 9];
  const cost = engine.tensor(randomValues(batch * n * m, 4).map(Math.abs), [batch, n, m]);
  const a = engine.tensor([0.1, 0.2, 0.3, 0.4, 0, 0.2, 0.2, 0.2, 0.2, 0.2], [batch, n]);
  const b = engine.tensor(new Float32Array(batch * m).fill(1 / m), [batch, m]);
  const outputs = engine.withTape((tape) => {
    for (const input of [cost, a, b]) tape.watch(input);
    const plan = solve(cost, a, b);
    tape.backward([[plan, engine.tensor(randomValues(plan.size, 5), plan.shape)]]);
    return [plan, ...[cost, a, b].map((input) => tape.gradientOf(input) as Tensor)];
  });
  return Promise.all(outputs.map(async (output) => Float32Array.from(await engine.read(output))));
}

test('transport by a launch per half-iteration equals sinkhorn where sides differ and a mass is 0', () =>
  withBenchEngine(async (engine) => {
    const options = { epsilon: EPSILON, iterations: 7 };
    const fused = await transport(engine, (cost, a, b) => sinkhorn(engine, cost, a, b, options).plan);
    const composed = await transport(engine, (cost, a, b) => composedSinkhorn(engine, cost, a, b, options));
    fused.forEach((expected, at) => {
      const error = relativeError(composed[at], { values: expected, tolerance: 0 });
      assert.ok(error < 2e-5, `${['plan', 'd/d cost', 'd/d a', 'd/d b'][at]}: ${error}`);
    });
  }));

test('a kernel that computes something else fails its check', () =>
  withBenchEngine(async (engine) => {
    const right = layerNormCase('test', 8, 16);
    const off = { ...right, forward: (e: Engine, t: Readonly<Record<string, Tensor>>) => right.forward(e, { ...t, weight: t.bias, bias: t.weight }) };
    for (const pass of ['forward', 'backward'] as const) assert.ok((await checked(engine, subjectOf(off, { section: 'kernels', pass }))) > 10);
  }));

/** Timers that believe everything: what is measured is not what is tested here. */
const QUANTA = { wall: 1e-9, gpu: null };

/** A bench that takes three samples, throws none away and flushes nothing. */
async function quietBench(engine: Engine, tuned: TunedLookup | null): Promise<{ bench: Bench; close: () => void }> {
  const timer = await DeviceTimer.create(engine, () => performance.now() / 1000);
  const canary = await Canary.create(timer, QUANTA);
  const bench: Bench = {
    timer,
    quanta: QUANTA,
    canary,
    // A band that nothing leaves.
    band: { baseline: 1, tolerance: Infinity },
    wallBand: { baseline: 1, tolerance: Infinity },
    options: { rule: { minimum: 3, maximum: 3, precision: 1, seconds: 60 }, flushBytes: 0, coldSamples: 0, runLimit: 1, copyBytes: 1024 },
    tuned,
  };
  return {
    bench,
    close() {
      canary.destroy();
      timer.destroy();
    },
  };
}

test('a wrong row gets no time, a right one gets samples, a refused one says why, and all memory comes back', () =>
  withBenchEngine(async (engine) => {
    const { bench, close } = await quietBench(engine, null);
    const right = layerNormCase('test', 8, 16);
    const wrong = { ...right, op: 'wrong', forward: (e: Engine, t: Readonly<Record<string, Tensor>>) => right.forward(e, { ...t, weight: t.bias }) };
    const group: Group = {
      name: 'three',
      subjects: [
        subjectOf(right, { section: 'kernels', pass: 'forward' }),
        subjectOf(wrong, { section: 'kernels', pass: 'forward' }),
        subjectOf(right, { section: 'kernels', pass: 'forward', force: { rows: 'nonsense' } }),
      ],
      ratios: [[1, 0]],
    };
    const { rows, comparisons } = await measureGroup(bench, group, new WeakSet());
    assert.deepEqual(rows.map(({ status }) => status), ['timed', 'wrong', 'failed']);
    assert.equal(rows[0].hot?.wall.length, 3);
    assert.ok(rows[0].check && (rows[0].check.error as number) <= rows[0].check.tolerance && rows[0].dispatches === 1 && rows[0].bytes > 0);
    assert.deepEqual([rows[1].hot, rows[1].firstRun, rows[1].compile], [null, null, null], 'a wrong row has no time of any kind');
    assert.equal(rows[1].summary, null);
    assert.match(rows[2].note, /variant nonsense is forced/);
    assert.deepEqual(comparisons, [], 'a row without a time is compared with nothing');
    close();
  }));

test('a step that fails after it was captured is told, and its memory is given back', () =>
  withBenchEngine(async (engine) => {
    const { bench, close } = await quietBench(engine, null);
    const right = subjectOf(layerNormCase('test', 8, 16), { section: 'kernels', pass: 'forward' });
    const broken: Subject = { ...right, capture: async (its) => ({ ...(await right.capture(its)), check: () => Promise.reject(new DeviceError('nothing can be read')) }) };
    const before = engine.memory.buffers;
    const { rows } = await measureGroup(bench, { name: 'one', subjects: [broken] }, new WeakSet());
    assert.deepEqual(rows.map(({ status, note }) => [status, note]), [['failed', 'nothing can be read']]);
    assert.equal(engine.memory.buffers, before);
    close();
  }));

test('stored choices become a row of their own, in turns with the rules, where they differ from them', () =>
  withBenchEngine(async (engine) => {
    const given = layerNormCase('test', 8, 16);
    const group: Group = { name: 'tuned', subjects: [subjectOf(given, { section: 'kernels', pass: 'forward' })] };
    const measured = async (stored: string | null) => {
      const { bench, close } = await quietBench(engine, (family) => (family === 'rows' && stored !== null ? stored : undefined));
      const result = await measureGroup(bench, group, new WeakSet());
      close();
      return result;
    };
    const [only] = (await measured(null)).rows;
    const { variant: rule, problem } = only.choices.find(({ family }) => family === 'rows') ?? assert.fail('a row kernel must choose its lanes');
    assert.equal((await measured(rule)).rows.length, 1, 'the rule stored is no other row');
    assert.equal((await measured('nonsense')).rows.length, 1, 'a stored variant that cannot run is no other row');
    const other = rule === 'thread' ? 'lanes8' : 'thread';
    const { rows, comparisons } = await measured(other);
    assert.deepEqual(rows.map(({ variant }) => variant), ['rules', 'tuned']);
    assert.deepEqual(rows[1].choices.filter(({ family }) => family === 'rows'), [{ family: 'rows', problem, variant: other, rule }]);
    assert.ok(rows.every(({ status }) => status === 'timed'));
    assert.deepEqual(comparisons.map(({ above, below }) => [above, below]), [[rows[0].id, rows[1].id]]);
  }));

test('a replay does what its step does, however often', () =>
  withBenchEngine(async (engine) => {
    const x = engine.tensor([1, 2, 3, 4], [4]);
    const { step, prepared } = await engine.scope(async () => {
      const counted = engine.capture('count', () => {
        const one = engine.tensor([1, 1, 1, 1], [4]);
        engine.dispatch({ shader: 'elementwise/accumulate', tensors: { destination: x, source: one }, params: { count: 4 }, workgroups: [1] });
      });
      return { step: counted, prepared: await counted.prepare() };
    });
    const replay = new Replay(engine, prepared);
    const encoder = engine.device.createCommandEncoder();
    replay.encode(encoder, 150);
    engine.device.queue.submit([encoder.finish()]);
    assert.deepEqual([...(await engine.read(x))], [151, 152, 153, 154]);
    replay.destroy();
    step.destroy();
  }));
