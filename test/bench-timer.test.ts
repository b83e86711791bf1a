/** The device timer on a device: everything that a sample is to run is run, once, in however many submissions. No time is asserted. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CapturedStep, Engine, Tensor } from '../src/engine/index.js';
import { accumulate } from '../src/kernels/elementwise/index.js';
import { DeviceTimer } from '../src/timing/device-timer.js';
import { Replay } from '../src/timing/replay.js';
import { withEngine } from './helpers.js';

/** A step that adds 1 to a number whenever it runs, and a timer. */
async function withCounter(engine: Engine, body: (timer: DeviceTimer, replay: Replay, count: () => Promise<number>) => Promise<void>): Promise<void> {
  const counter = engine.zeros([4]);
  const one = engine.tensor([1, 1, 1, 1], [4]);
  const step: CapturedStep<{ counter: Tensor }> = engine.capture('count', () => {
    accumulate(engine, counter, one);
    return { counter };
  });
  await step.prepare();
  const timer = await DeviceTimer.create(engine);
  const replay = new Replay(engine, step);
  await timer.prepareFlush(4096);
  await body(timer, replay, async () => (await engine.read(counter))[0]);
  replay.destroy();
  timer.destroy();
  step.destroy();
}

test('a sample runs every repeat once, in one submission and in several', () =>
  withEngine((engine) =>
    withCounter(engine, async (timer, replay, count) => {
      let before = await count();
      // Short enough for one submission; held ones before the last; each longer than a submission may be.
      for (const [repeats, expected] of [[7, 1e-9], [4500, 1e-9], [5, 1]]) {
        const { wall, gpu } = await timer.sample(replay, repeats, expected);
        const after = await count();
        assert.equal(after - before, repeats, `${repeats} repeats of ${expected} s`);
        assert.ok(wall > 0 && (gpu === null || gpu >= 0));
        before = after;
      }
    }),
  ));

test('a cold sample runs once, and a cold difference as often as asked, beside flushes', () =>
  withEngine((engine) =>
    withCounter(engine, async (timer, replay, count) => {
      if (!timer.hasTimestamps) assert.fail('the adapter that the tests run on has timestamps');
      const before = await count();
      assert.ok(((await timer.coldSample(replay)) ?? -1) >= 0);
      assert.equal((await count()) - before, 1);
      const difference = await timer.coldDifference(replay, 6);
      assert.ok(difference && difference.each >= 0 && difference.flush > 0);
      assert.equal((await count()) - before, 7);
    }),
  ));
