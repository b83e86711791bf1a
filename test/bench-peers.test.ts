/** Other libraries in the benchmark, on the device: right results at small sizes, no growing memory, and what races do. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DeviceTimer } from '../src/timing/device-timer.js';
import type { Engine } from '../src/engine/index.js';
import { openEngine } from '../src/kernels/open-engine.js';
import { findNodeGpu, type NodeGpu } from '../src/platform/node/gpu.js';
import { worst, type Bench } from '../bench/harness/measure.js';
import { Canary } from '../bench/harness/peaks.js';
import { measureRace, type Contestant, type Race, type ReadyWork } from '../bench/harness/race.js';
import { provideNavigator } from '../bench/node/peer-environment.js';
import { loadPeers, LOADERS } from '../bench/peers/load.js';
import { PEER_NAMES } from '../bench/peers/names.js';
import { PeerGap, type Peer } from '../bench/peers/peer.js';
import { JAX_VERSION } from '../bench/peers/versions.js';
import { shaderSources } from '../bench/shaders.generated.js';
import { adamwRace } from '../bench/suites/peer-adamw.js';
import { racesOf, type PeerCase } from '../bench/suites/peer-contestants.js';
import { inferenceRace } from '../bench/suites/peer-inference.js';
import { stepRace } from '../bench/suites/peer-step.js';
import { attentionPeer, layerNormPeer, linearPeer, productPeer, sinkhornPeer, softmaxPeer } from '../bench/suites/peers.js';

// Dawn's objects must outlive their devices.
const kept: NodeGpu[] = [];
let engine: Engine;
let peers: readonly Peer[] = [];

before(async () => {
  const [own, others] = [await findNodeGpu(), await findNodeGpu()];
  kept.push(own, others);
  engine = await openEngine(own.adapter, shaderSources);
  provideNavigator(others.gpu);
  const loaded = await loadPeers(PEER_NAMES);
  assert.deepEqual(loaded.missing, [{ name: 'onnxruntime-web', reason: 'it could not be loaded: its WebGPU backend is for browsers: --chrome measures it' }]);
  peers = loaded.peers;
});

after(() => {
  engine.destroy();
  for (const peer of peers) peer.destroy();
});

/** Runs every contestant once; each must be right, or say that it cannot with the reason that is expected. */
async function expectRight(race: Race, gaps: Readonly<Record<string, RegExp>> = {}): Promise<void> {
  await engine.scope(async () => {
    for (const { name, prepare } of race.contestants) {
      const gap = gaps[name.implementation];
      if (gap) {
        await assert.rejects(prepare(engine), (error: Error) => error instanceof PeerGap && gap.test(error.message));
        continue;
      }
      const work = await prepare(engine);
      await work.run();
      await work.finish();
      const { error, tolerance, output } = await worst(work);
      work.destroy();
      assert.ok(error !== null && error <= tolerance, `${name.implementation}, ${race.name}: ${output} is off by ${error}, allowed are ${tolerance}`);
    }
  });
}

const STAGE = { model: 'small', size: 4, channels: 8, heads: 2, windowSize: 2, shift: 1 };
const CASES = {
  'matrix product': productPeer(24),
  'linear layer with GELU': linearPeer('small', 6, 8, 12),
  'layer norm': layerNormPeer('small', 6, 20),
  softmax: softmaxPeer('small', 6, 20),
  'shifted-window attention and its gradients': attentionPeer(STAGE, 2),
  'unshifted window attention and its gradients': attentionPeer({ ...STAGE, shift: 0 }, 1),
  'Sinkhorn and its gradients': sinkhornPeer(4, 5, 4),
};

for (const [name, given] of Object.entries(CASES)) {
  test(`${name}: every library agrees with the float64 reference`, async () => {
    for (const race of racesOf(given, peers)) await expectRight(race);
  });
}

test('every form of a library is a contestant, under a name of its own', () => {
  const names = (given: PeerCase): string[] => racesOf(given, peers)[0].contestants.map(({ name }) => name.implementation);
  assert.deepEqual(names(CASES['Sinkhorn and its gradients']), ['zygo', 'jax-js, scaling form', 'jax-js, log domain', 'tfjs, scaling form', 'tfjs, log domain']);
  assert.deepEqual(names(CASES['shifted-window attention and its gradients']), ['zygo', 'jax-js, composed', 'jax-js, nn.dotProductAttention', 'tfjs']);
  assert.deepEqual(names(CASES.softmax), ['zygo', 'jax-js', 'tfjs']);
});

test('AdamW: jax-js agrees with the float64 reference, tfjs says that it has none', () => expectRight(adamwRace(64, 'small', peers), { tfjs: /no weight decay/ }));

test("a training step: every library's loss and gradients agree with float64 and with Zygo", () => {
  const network = { patchSize: 2, embedDim: 8, depths: [1, 1], numHeads: [1, 2], windowSize: 2, numClasses: 3, mlpRatio: 2 };
  return expectRight(stepRace({ network, imageSize: 16, batch: 2 }, peers));
});

test("inference: every library's scores agree with float64", () => {
  const network = { patchSize: 2, embedDim: 8, depths: [1, 2], numHeads: [1, 2], windowSize: 2, numClasses: 3, mlpRatio: 2 };
  return expectRight(inferenceRace({ network, imageSize: 16, batch: 4 }, peers));
});

/** Bytes of a device's buffers that are alive, from now on. */
function watchBuffers(device: GPUDevice): { bytes(): number; stop(): void } {
  const create = device.createBuffer;
  const alive = new Map<GPUBuffer, number>();
  device.createBuffer = (descriptor) => {
    const buffer = create.call(device, descriptor);
    alive.set(buffer, descriptor.size);
    const destroy = buffer.destroy;
    buffer.destroy = () => {
      alive.delete(buffer);
      destroy.call(buffer);
    };
    return buffer;
  };
  return { bytes: () => [...alive.values()].reduce((sum, size) => sum + size, 0), stop: () => void (device.createBuffer = create) };
}

test('repeats keep no memory', async () => {
  for (const peer of peers) {
    const [, race] = racesOf(CASES['Sinkhorn and its gradients'], [peer]);
    for (const { name, prepare } of race.contestants.slice(1)) {
      const watch = watchBuffers(peer.device);
      const work = await prepare(engine);
      const repeat = async (times: number): Promise<number> => {
        for (let at = 0; at < times; at++) await work.run();
        await work.finish();
        return watch.bytes();
      };
      // A pool of buffers takes some repeats to be as large as it gets: they do not end where its submissions do.
      const [early, late] = [await repeat(20), await repeat(30)];
      work.destroy();
      watch.stop();
      assert.ok(late <= early, `${name.implementation} holds ${late} bytes after 50 repeats, ${early} after 20`);
    }
  }
});

/** Harness parts for races of a moment. */
async function withBench(body: (bench: Bench) => Promise<void>): Promise<void> {
  const timer = await DeviceTimer.create(engine, () => performance.now() / 1000);
  const quanta = await timer.probe();
  const canary = await Canary.create(timer, quanta);
  const rule = { minimum: 3, maximum: 3, precision: 1, seconds: 0.5 };
  try {
    // A band that nothing leaves: other tests keep the machine busy.
    await body({ timer, quanta, canary, band: { baseline: 1, tolerance: Infinity }, wallBand: { baseline: 1, tolerance: Infinity }, options: { rule, flushBytes: 0, coldSamples: 0, runLimit: 2, copyBytes: 0 }, tuned: null });
  } finally {
    canary.destroy();
    timer.destroy();
  }
}

/** A contestant whose work is done by the clock alone. */
function contestant(implementation: string, given: Partial<ReadyWork> = {}): Contestant {
  const wait = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 2));
  return {
    name: { section: 'peers', op: 'waiting', shape: '[1]', model: 'none', pass: 'forward', implementation, variant: 'rules' },
    prepare: async () => ({
      run: wait,
      finish: async () => {},
      check: async () => [{ output: 'y', actual: [1], expected: { values: [1], tolerance: 1e-5 } }],
      against: 'one',
      figures: { flops: 100 },
      destroy: () => {},
      ...given,
    }),
  };
}

test('in a race a wrong result gets no time, a gap gets its reason, and the right ones are compared by the wall clock', () =>
  withBench(async (bench) => {
    const wrong = { check: async () => [{ output: 'y', actual: [2], expected: { values: [1], tolerance: 1e-5 } }] };
    const gap: Contestant = { ...contestant('unable'), prepare: () => Promise.reject(new PeerGap('it has no such op')) };
    const race = { name: 'a race', contestants: [contestant('zygo'), contestant('mistaken', wrong), gap, contestant('right')] };
    const { rows, comparisons } = await measureRace(bench, race, new Map());
    assert.deepEqual(rows.map(({ implementation, status, note }) => [implementation, status, note]), [
      ['zygo', 'timed', ''],
      ['mistaken', 'wrong', 'y is wrong, so there is no time'],
      ['unable', 'failed', 'it has no such op'],
      ['right', 'timed', ''],
    ]);
    assert.deepEqual(comparisons.map(({ above, below, clock }) => [above, below, clock]), [[rows[3].id, rows[0].id, 'wall']]);
  }));

test('who fails when it is run again is told, and the others are measured', () =>
  withBench(async (bench) => {
    const runs = { early: 0, last: 0 };
    const wait = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 2));
    const destroy = (): void => assert.fail('disposed already');
    const early = contestant('early', { run: () => (++runs.early > 1 ? Promise.reject(new Error('lost its context')) : wait()), destroy });
    // The last one warms up after it, so that it fails among the samples.
    const late = contestant('late', { run: () => (runs.last > 1 ? Promise.reject(new Error('out of memory\nat x')) : wait()) });
    const last = contestant('last', { run: () => wait().finally(() => (runs.last += 1)) });
    const { rows, comparisons } = await measureRace(bench, { name: 'a race', contestants: [contestant('zygo'), early, late, last] }, new Map());
    assert.deepEqual(rows.map(({ implementation, status, note }) => [implementation, status, note]), [
      ['zygo', 'timed', ''],
      ['early', 'failed', 'failed when it was run again: lost its context'],
      ['late', 'failed', 'failed when it was run again: out of memory'],
      ['last', 'timed', ''],
    ]);
    assert.deepEqual(comparisons.map(({ above }) => above), [rows[3].id]);
  }));

test('the pace of who only had a first run is what it takes at least: most of it may have been compiling', () =>
  withBench(async (bench) => {
    const pace = new Map<string, number>();
    let seconds = 0;
    const timer = Object.assign(Object.create(bench.timer) as Bench['timer'], { now: () => seconds + performance.now() / 1000 });
    const slow = contestant('slow', { run: () => void (seconds += 100) });
    const { rows } = await measureRace({ ...bench, timer }, { name: 'a race', contestants: [contestant('zygo'), slow] }, pace);
    assert.match(rows[1].note, /^its first run, with compiling, took 100\.0 s/);
    const [kept] = [...pace].filter(([key]) => key.startsWith('slow')).map(([, perOperation]) => perOperation);
    assert.ok(kept >= 0.1 && kept < 0.11, String(kept));
  }));

test('who was too slow in a small race is left out of a larger one, in words', () =>
  withBench(async (bench) => {
    const pace = new Map([['slow | waiting | forward', 1]]);
    const { rows } = await measureRace(bench, { name: 'a race', contestants: [contestant('zygo'), contestant('slow')] }, pace);
    assert.deepEqual([rows[1].status, rows[1].note], ['few', 'by its pace in a smaller race, a run would take 100.0 s: more than 4 s, so it is not sampled']);
  }));

test('a library that cannot be loaded, or was not asked for, is named with the reason', async () => {
  const { peers: loaded, missing } = await loadPeers(['tfjs'], { ...LOADERS, tfjs: () => Promise.reject(new Error('no such module\nand more')) });
  assert.deepEqual(loaded, []);
  assert.deepEqual(missing, [
    { name: 'jax-js', reason: 'not asked for' },
    { name: 'tfjs', reason: 'it could not be loaded: no such module' },
    { name: 'onnxruntime-web', reason: 'not asked for' },
  ]);
});

test("jax-js's version is that of package.json", async () => {
  const { devDependencies } = JSON.parse(await readFile(join(import.meta.dirname, '..', '..', 'package.json'), 'utf8')) as { devDependencies: Record<string, string> };
  assert.equal(devDependencies['@jax-js/jax'], JAX_VERSION);
});
