/** Tracing, comparing and choosing on the machine's adapter; the times come from a clock of the test's own. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Engine, ShaderSources } from '../src/engine/index.js';
import { openEngine } from '../src/kernels/open-engine.js';
import { filled, l2Normalize, launchProduct, matmul } from '../src/kernels/index.js';
import { VARIANT_FAMILIES } from '../src/kernels/variants.js';
import { findNodeGpu } from '../src/platform/node/gpu.js';
import { FileTuningStore } from '../src/platform/node/tuning-store.js';
import { shaderSources } from '../src/shaders.generated.js';
import { makeCandidates } from '../src/tuning/candidates.js';
import { Replay } from '../src/timing/replay.js';
import { deviceClock, storingEach, traceProblems, tuneStep, TUNED_FAMILIES, type DeviceClock, type TracedProblem, type TuneOptions, type TuningRecord } from '../src/tuning/index.js';
import { workloadOf } from '../src/tuning/workloads/index.js';
import { inFolder } from './cli-process.js';
import { openTestEngine, randomValues, withOwnEngine } from './helpers.js';

let found: ReturnType<typeof findNodeGpu> | null = null;

/** An engine with kernels of the test's own in place of Zygo's. */
async function openWith(shaders: ShaderSources): Promise<Engine> {
  found ??= findNodeGpu();
  const adapter = (await (await found).gpu.requestAdapter()) ?? assert.fail();
  return openEngine(adapter, shaders);
}

/** Says what `costs` say, by variant; counts how often it is asked. */
function clockOf(costs: Record<string, number>) {
  const asked: string[] = [];
  const timerOf = (): Promise<DeviceClock> =>
    Promise.resolve({
      quantum: 1,
      clock: 'gpu',
      time: ({ label }, repeats) => {
        asked.push(label);
        return Promise.resolve((costs[label] ?? 1e6) * repeats);
      },
      destroy: () => {},
    });
  return { asked, timerOf };
}

/** A product of two matrices of 8 x 8, its rows brought to unit length. */
function work(engine: Engine): void {
  const a = filled(engine, [8, 8], 1);
  engine.capture('work', () => l2Normalize(engine, matmul(engine, a, a))).destroy();
}
const onlyMatmul = ({ family }: { readonly family: string }): boolean => family === 'matmul';
const onlyRows = ({ family }: { readonly family: string }): boolean => family === 'rows';
const PROBLEM = 'm8 n8 k8 b1';

function options(more: Partial<TuneOptions>): TuneOptions {
  return { open: openTestEngine, sources: shaderSources, wanted: onlyMatmul, timerOf: clockOf({}).timerOf, ...more };
}

test('a trace names every problem once, with the launches that a shared choice shaped', () =>
  withOwnEngine(async (engine) => {
    const traced = await traceProblems(engine, () => {
      work(engine);
      work(engine);
    });
    const of = (family: string): TracedProblem => traced.find((problem) => problem.family === family) ?? assert.fail(family);
    assert.equal(of('matmul').problem, PROBLEM);
    assert.equal(of('matmul').uses, 2);
    assert.equal(traced.filter(onlyMatmul).length, 1);
    assert.deepEqual(of('rows').launches.map(({ shader }) => shader), ['normalization/l2_normalize']);
    assert.equal(of('rows').launches[0].tensors.y.writable, true);
    assert.deepEqual(of('items').launches.map(({ shader }) => shader), ['elementwise/fill']);
    await engine.finish();
  }));

test('a stored winner is used before the rule, a forced variant before both, and one that cannot run not at all', () =>
  withOwnEngine(async (engine) => {
    const chosen: string[] = [];
    engine.observe({ choice: (family, _candidates, variant, { problem }) => family === 'matmul' && problem !== '' && chosen.push(variant) });
    const x = engine.tensor(randomValues(15, 1), [3, 5]);
    const run = () => matmul(engine, x, x, { transposeB: true });
    run();
    const [byRule] = chosen;
    const other = byRule === 'naive' ? 'tile' : 'naive';
    engine.useTuned((family, problem) => (family === 'matmul' && problem === 'm3 n3 k5 b1 tB' ? other : undefined));
    run();
    engine.force('matmul', 'workgroup');
    run();
    engine.force('matmul', null);
    // Rows of 5 floats are no vec4: 'register' does not take them.
    engine.useTuned(() => 'register');
    run();
    engine.useTuned(null);
    run();
    assert.deepEqual(chosen, [byRule, other, 'workgroup', byRule, byRule]);
    await engine.finish();
  }));

test('every family has problems that ask for what their key says, in variants that agree', () =>
  withOwnEngine(async (engine) => {
    const problems: Record<string, readonly string[]> = {
      matmul: ['m12 n8 k20 b2 oneB sum', 'm8 n4 k12 b1 tA rowSums', 'm6 n8 k4 b3 tB oneA bias gelu keep residual', 'm8 n12 k4 b1 keep dgelu'],
      'matmul-f16': ['m12 n8 k20 b2 oneB sum half', 'm8 n4 k12 b1 tB bias gelu keep residual half halfY', 'm8 n4 k12 b1 tA rowSums half'],
      'matmul-splits': ['m8 n8 k1024 b1 tA'],
      'column-shares': ['r4096 c8'],
      'column-finish': ['s40 c12', 's3 c7'],
      'layer-norm': ['r70 c48', 'r70 c48 backward', 'r70 c48 halfY'],
      'batch-norm': ['r20 c24', 'r9 c7 backward'],
      softmax: ['r70 c48', 'r70 c49 backward'],
      'attention-forward': ['b1 h7 w8 c8 a2 s4 shifted'],
      'attention-backward': ['b1 h8 w8 c8 a2 s4'],
      'region-pool': ['b2 h4 w4 c8 r3'],
      'region-pool-backward': ['b2 h4 w4 c8 r3'],
      'region-pool-maps': ['b2 h4 w4 c8 r3'],
      'sinkhorn-tiles': ['b2 n5 m6'],
      sinkhorn: ['b2 n5 m5 t4 gradient', 'b2 n4 m6 t3'],
      'relation-marginals': ['b2 r5 c8'],
      'augment-images': ['b2 i12 o8'],
    };
    // The two families whose problems come with launches; see the trace above.
    const traced = await traceProblems(engine, () => work(engine));
    problems.rows = traced.filter(({ family }) => family === 'rows').map(({ problem }) => problem);
    problems.items = traced.filter(({ family }) => family === 'items').map(({ problem }) => problem);
    assert.deepEqual(Object.keys(problems).sort(), [...TUNED_FAMILIES].sort());
    assert.deepEqual(Object.keys(problems).sort(), Object.keys(VARIANT_FAMILIES).sort(), 'every family with variants can be tuned');
    for (const family of TUNED_FAMILIES) {
      for (const problem of problems[family]) {
        await engine.scope(async () => {
          const asked: { candidates: readonly string[]; byRule: string }[] = [];
          const stop = engine.observe({
            choice: (its, candidates, _chosen, context) => its === family && context.problem === problem && asked.push({ candidates, byRule: context.byRule }),
          });
          const launches = traced.find((known) => known.family === family && known.problem === problem)?.launches ?? [];
          const unknown: TracedProblem = { family, problem, candidates: [], byRule: '', uses: 1, launches };
          engine.force('sinkhorn', family === 'sinkhorn-tiles' ? 'tiled' : null);
          workloadOf(engine, unknown)?.capture().destroy();
          engine.force('sinkhorn', null);
          stop();
          assert.ok(asked.length > 0, `${family} ${problem} must be asked for by its own workload`);
          const made = await makeCandidates(engine, { ...unknown, ...asked[0] }, new Map());
          for (const { variant, error, note } of made?.list ?? []) assert.ok(error !== null && error <= (problem.includes('halfY') ? 1.5e-3 : 5e-4), `${family}=${variant} ${problem}: ${error} ${note}`);
          made?.destroy();
        });
      }
    }
  }));

test('the fastest variant wins, is kept with every time, and is not measured again', async () => {
  const { timerOf: first } = clockOf({ ...Object.fromEntries(Object.keys(VARIANT_FAMILIES.matmul.variants).map((variant) => [variant, 4e6])), tile: 2e6 });
  const { asked, timerOf } = clockOf({});
  const { records, measured, failed } = await tuneStep(work, options({ timerOf: first }));
  assert.deepEqual([records.length, measured, failed.length], [1, 1, 0]);
  const [record] = records;
  assert.equal(record.winner, 'tile');
  assert.equal(record.clock, 'gpu');
  for (const { variant, nanoseconds, error } of record.candidates) {
    assert.equal(nanoseconds, variant === 'tile' ? 2e6 : 4e6);
    assert.ok(error !== null && error < 1e-5);
  }
  assert.ok(record.shaders.includes('matmul/matmul_quad') || record.shaders.includes('matmul/matmul_workgroup'));
  const again = await tuneStep(work, options({ known: records, timerOf }));
  assert.deepEqual([again.records, again.measured, asked.length], [records, 0, 0]);
});

test('what was measured is stored, whatever ends the tuning after it', () =>
  inFolder(async (folder) => {
    const store = new FileTuningStore(folder);
    const environment = { adapter: { vendor: '', architecture: '', device: '', description: '' }, features: [], runtime: '', zygo: '' };
    const before: TuningRecord = { family: 'softmax', problem: 'r1 c1', rule: 'x', winner: 'x', candidates: [], shaders: [], kernels: '', clock: 'gpu', date: '' };
    let winner = '';
    await withOwnEngine(async (engine) => {
      const { candidates, byRule } = (await traceProblems(engine, () => work(engine))).find(onlyRows) ?? assert.fail();
      winner = candidates.find((variant) => variant !== byRule) ?? assert.fail();
    });
    let traces = 0;
    const keep = storingEach(store, environment, [before]);
    // A winner that the rule did not choose is traced again.
    const build = (engine: Engine): void => (++traces === 1 ? work(engine) : assert.fail('out of memory'));
    await assert.rejects(tuneStep(build, options({ wanted: onlyRows, timerOf: clockOf({ [winner]: 1 }).timerOf, onMeasured: async (record) => void (await keep(record)) })), /out of memory/);
    assert.equal(traces, 2);
    assert.deepEqual((await store.load(environment)).set?.records.map(({ family, winner: won }) => [family, won]), [['rows', winner], ['softmax', 'x']]);
  }));

test('a wrong variant gets no time, one that does not compile is named, and the rest is measured', async () => {
  const tile = shaderSources['matmul/matmul_tile'];
  const broken = { 'matmul/matmul_tile': tile.replace(/fn main\(/, 'fn unused() -> u32 { return nothing; }\nfn main('), 'matmul/matmul_workgroup': shaderSources['matmul/matmul_naive'].replace(/params\.k\b/g, '(params.k - 1u)') };
  const open = () => openWith(broken);
  const { asked, timerOf } = clockOf({ tile: 1, workgroup: 1 });
  const [record] = (await tuneStep(work, options({ open, timerOf, sources: { ...shaderSources, ...broken } }))).records;
  const of = (variant: string) => record.candidates.find((candidate) => candidate.variant === variant) ?? assert.fail(variant);
  assert.equal(of('tile').nanoseconds, null);
  assert.match(of('tile').note, /^failed: /);
  assert.equal(of('workgroup').nanoseconds, null);
  assert.match(of('workgroup').note, /^wrong: differs from naive by /);
  assert.ok(of('naive').nanoseconds !== null);
  assert.ok(!asked.includes('tile') && !asked.includes('workgroup'));
  assert.ok(record.winner !== 'tile' && record.winner !== 'workgroup');
});

test('the device itself can be the clock', () =>
  withOwnEngine(async (engine) => {
    const timer = await deviceClock(engine);
    const a = engine.tensor(randomValues(64, 2), [8, 8]);
    const y = engine.empty([8, 8]);
    const step = await engine.capture('product', () => launchProduct(engine, { a, b: a, y, m: 8, n: 8, k: 8 })).prepare();
    const commands = new Replay(engine, step, 'product');
    assert.ok(timer.quantum > 0 && Number.isFinite(timer.quantum));
    assert.ok((await timer.time(commands, 50, 1e6)) > 0);
    assert.ok((await engine.read(y)).some((value) => value !== 0));
    commands.destroy();
    step.destroy();
    timer.destroy();
  }));
