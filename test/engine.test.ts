import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DeviceError, KernelError, ShapeError } from '../src/engine/index.js';
import { Readback } from '../src/engine/readback.js';
import { accumulate, add } from '../src/kernels/elementwise/index.js';
import { bundledChromiumRunsHere } from '../src/platform/node/bundled-chromium.js';
import { findNodeGpu } from '../src/platform/node/gpu.js';
import { openTestEngine, randomValues, withOwnEngine } from './helpers.js';

test('looking for the software adapter leaves the variables that name drivers as the user set them', { skip: !bundledChromiumRunsHere() }, async () => {
  process.env.VK_DRIVER_FILES = 'some-driver.json';
  try {
    assert.equal((await findNodeGpu({ adapter: 'software' })).software, true);
    assert.deepEqual([process.env.VK_DRIVER_FILES, process.env.VK_ICD_FILENAMES], ['some-driver.json', undefined]);
  } finally {
    delete process.env.VK_DRIVER_FILES;
  }
});

test('eager: add gives the sum of its inputs', () =>
  withOwnEngine(async (engine) => {
    const y = add(engine, engine.tensor([1, 2, 3], [3]), engine.tensor([10, 20, 30], [3]));
    assert.deepEqual([...(await engine.read(y))], [11, 22, 33]);
  }));

test('the tape sums the gradients of a tensor that is used twice', () =>
  withOwnEngine(async (engine) => {
    const x = engine.tensor([1, 2, 3], [3]);
    const gradient = engine.withTape((tape) => {
      tape.watch(x);
      const y = add(engine, add(engine, x, x), x);
      tape.backward([[y, engine.tensor([1, 10, 100], [3])]]);
      return tape.gradientOf(x);
    });
    assert.ok(gradient);
    assert.deepEqual([...(await engine.read(gradient))], [3, 30, 300]);
  }));

test("a parameter's gradient lands in its own buffer, however many uses it has", () =>
  withOwnEngine(async (engine) => {
    const weight = engine.tensor([1, 2], [2]);
    weight.requiresGradient = true;
    weight.gradient = engine.tensor([7, 7], [2]);
    engine.withTape((tape) => {
      const y = add(engine, add(engine, weight, engine.tensor([0, 0], [2])), weight);
      tape.backward([[y, engine.tensor([1, 5], [2])]]);
    });
    assert.deepEqual([...(await engine.read(weight.gradient))], [2, 10]);
  }));

test('a captured step gives the same as eager execution, with other inputs in each replay', () =>
  withOwnEngine(async (engine) => {
    const x = engine.tensor(randomValues(1000, 1), [1000]);
    const body = () => {
      let y = add(engine, x, x);
      for (let round = 0; round < 5; round++) y = add(engine, y, x);
      return { y };
    };
    const step = await engine.capture('sum', body).prepare();
    for (const seed of [2, 3]) {
      engine.write(x, randomValues(1000, seed));
      step.run();
      assert.deepEqual(await engine.read(step.outputs.y), await engine.read(body().y));
    }
    step.destroy();
  }));

test('the memory plan of a chain of additions needs two buffers and states its lower bound', () =>
  withOwnEngine(async (engine) => {
    const x = engine.tensor(new Float32Array(4096), [4096]);
    const step = engine.capture('chain', () => {
      let y = add(engine, x, x);
      for (let round = 0; round < 8; round++) y = add(engine, y, x);
      return y;
    });
    assert.equal(step.plan.slots.length, 2);
    assert.equal(step.plan.peakBytes, 2 * 4096 * 4);
    assert.equal(step.plan.lowerBoundBytes, 2 * 4096 * 4);
    assert.equal(step.dispatches, 9);
  }));

test('replaying a captured step creates nothing on the device', () =>
  withOwnEngine(async (engine) => {
    const x = engine.tensor(new Float32Array(64), [64]);
    const step = await engine.capture('sum', () => add(engine, add(engine, x, x), x)).prepare();
    const { device } = engine;
    const created: string[] = [];
    for (const call of ['createBuffer', 'createBindGroup', 'createComputePipeline', 'createShaderModule', 'createBindGroupLayout'] as const) {
      const original = (device[call] as (descriptor: object) => object).bind(device);
      Object.defineProperty(device, call, {
        configurable: true,
        value: (descriptor: object) => {
          created.push(call);
          return original(descriptor);
        },
      });
    }
    for (let replay = 0; replay < 3; replay++) step.run();
    await engine.finish();
    assert.equal(created.join(), '');
    add(engine, x, x);
    assert.ok(created.includes('createBindGroup'), 'the watch must see what eager execution creates');
    step.destroy();
  }));

test('a step that cannot be allocated leaves nothing behind', () =>
  withOwnEngine(async (engine) => {
    const { device } = engine;
    const { maxBufferSize, maxStorageBufferBindingSize } = device.limits;
    const large = Math.min(maxBufferSize, maxStorageBufferBindingSize) / 4;
    const step = engine.capture('large', () => add(engine, engine.empty([64]), engine.empty([64])));
    const tooLarge = engine.capture('too large', () => ({ small: add(engine, engine.empty([64]), engine.empty([64])), y: engine.zeros([large + 64]) }));
    const before = { ...engine.memory };
    await assert.rejects(tooLarge.prepare(), (error: unknown) => error instanceof DeviceError && /too large slot/.test(error.message));
    assert.deepEqual([engine.memory.buffers, engine.memory.bytes], [before.buffers, before.bytes]);
    // An answer of the device that there is no memory: its invalid buffers must not be used again.
    const popErrorScope = device.popErrorScope.bind(device);
    Object.defineProperty(device, 'popErrorScope', { configurable: true, value: async () => (await popErrorScope()) ?? { message: 'no memory' } });
    const created: GPUBuffer[] = [];
    const createBuffer = device.createBuffer.bind(device);
    Object.defineProperty(device, 'createBuffer', { configurable: true, value: (descriptor: GPUBufferDescriptor) => created[created.push(createBuffer(descriptor)) - 1] });
    await assert.rejects(step.prepare(), (error: unknown) => error instanceof DeviceError && /more than the device has: no memory/.test(error.message));
    assert.deepEqual([engine.memory.buffers, engine.memory.bytes], [before.buffers, before.bytes]);
    const [refused] = created;
    const later = engine.empty([refused.size / 4]);
    assert.notEqual(later.storage.buffer, refused);
  }));

test('a step that is refused memory gets what earlier steps gave back', () =>
  withOwnEngine(async (engine) => {
    const { device } = engine;
    (await engine.capture('earlier', () => add(engine, engine.empty([4096]), engine.empty([4096]))).prepare()).destroy();
    const step = engine.capture('later', () => add(engine, engine.empty([64]), engine.empty([64])));
    const popErrorScope = device.popErrorScope.bind(device);
    const answers: unknown[] = [{ message: 'no memory' }];
    Object.defineProperty(device, 'popErrorScope', { configurable: true, value: async () => (await popErrorScope()) ?? answers.pop() ?? null });
    const destroyed: number[] = [];
    const destroy = GPUBuffer.prototype.destroy;
    GPUBuffer.prototype.destroy = function (this: GPUBuffer) {
      destroyed.push(this.size);
      return destroy.call(this);
    };
    try {
      await step.prepare();
    } finally {
      GPUBuffer.prototype.destroy = destroy;
    }
    assert.ok(destroyed.includes(4096 * 4), destroyed.join());
    step.run();
    await engine.finish();
    step.destroy();
  }));

test('more than 64 MiB are written in pieces', () =>
  withOwnEngine(async (engine) => {
    const size = 2 ** 24 + 100;
    const x = engine.empty([size], 'u32');
    engine.write(x, Uint32Array.from({ length: size }, (_, index) => index));
    const read = await engine.read(x);
    assert.deepEqual([read[0], read[2 ** 24 - 1], read[2 ** 24], read[size - 1]], [0, 2 ** 24 - 1, 2 ** 24, size - 1]);
  }));

test('a read that fails just before the device says that it is lost names the loss', async () => {
  const lost = new Promise<{ reason: string }>((resolve) => setTimeout(() => resolve({ reason: 'unknown' }), 20));
  let isLost = false;
  void lost.then(() => (isLost = true));
  const staging = { mapAsync: () => Promise.reject(new Error('aborted')) };
  const encoder = { copyBufferToBuffer: () => {}, finish: () => ({}) };
  const device = { lost, createBuffer: () => staging, createCommandEncoder: () => encoder, queue: { submit: () => {} } } as unknown as GPUDevice;
  const readback = new Readback(device, () => {
    if (isLost) throw new DeviceError('the device was lost');
  });
  await assert.rejects(readback.bytes({} as GPUBuffer, 0, 16), /the device was lost/);
});

test('a profile names every launch of the step', () =>
  withOwnEngine(async (engine) => {
    const x = engine.tensor(new Float32Array(1 << 16), [1 << 16]);
    const step = await engine.capture('sum', () => add(engine, add(engine, x, x), x)).prepare();
    const profile = await step.profile();
    assert.deepEqual(profile.map((entry) => entry.shader), ['elementwise/add', 'elementwise/add']);
    assert.ok(profile.every((entry) => entry.nanoseconds > 0));
    step.destroy();
  }));

test('a scope frees what it made and keeps what it returns', () =>
  withOwnEngine(async (engine) => {
    const before = engine.memory.buffers;
    const kept = engine.scope(() => {
      const x = engine.tensor([1, 2], [2]);
      return add(engine, add(engine, x, x), x);
    });
    assert.equal(engine.memory.buffers, before + 1);
    assert.deepEqual([...(await engine.read(kept))], [3, 6]);
  }));

test('errors name the kernel, the binding, what was expected and what was given', () =>
  withOwnEngine(async (engine) => {
    const f = engine.tensor([1, 2], [2]);
    const u = engine.tensor(new Uint32Array([1, 2]), [2]);
    const y = engine.empty([2]);
    const call = (tensors: Record<string, typeof f>, params: Record<string, number> = { count: 2 }) =>
      engine.dispatch({ shader: 'elementwise/add', tensors, params, workgroups: [1] });
    assert.throws(() => call({ a: f, b: u, y }), new KernelError('elementwise/add', 'binding b holds f32, given u32 [2].'));
    assert.throws(() => call({ a: f, y }), new KernelError('elementwise/add', 'binding b was given no tensor.'));
    assert.throws(() => call({ a: f, b: f, c: f, y }), /has no binding c; it has a, b, y/);
    assert.throws(() => call({ a: f, b: y, y }), /bindings y and b share one storage/);
    assert.throws(() => call({ a: f, b: f, y }, {}), /missing count/);
    assert.throws(() => call({ a: f, b: f, y }, { count: 2, size: 1 }), /unknown size/);
    assert.throws(() => call({ a: f, b: f, y }, { count: 1.5 }), /parameter count is u32, given 1.5/);
    assert.throws(() => engine.dispatch({ shader: 'no/such', tensors: {}, workgroups: [1] }), /no shader file of this name/);
    assert.throws(() => add(engine, f, engine.tensor([1], [1])), ShapeError);
    const lost = engine.scope(() => {
      engine.tensor([1, 2], [2]);
      return null;
    });
    assert.equal(lost, null);
  }));

test('reading a tensor whose scope has ended is an error in words', () =>
  withOwnEngine(async (engine) => {
    let escaped = engine.tensor([1], [1]);
    engine.scope(() => {
      escaped = engine.tensor([2], [1]);
    });
    await assert.rejects(engine.read(escaped), /its scope has ended/);
  }));

test('accumulate adds in place', () =>
  withOwnEngine(async (engine) => {
    const x = engine.tensor([1, 2], [2]);
    accumulate(engine, x, engine.tensor([5, 5], [2]));
    assert.deepEqual([...(await engine.read(x))], [6, 7]);
  }));

test('a device error surfaces at the next read', async () => {
  const engine = await openTestEngine();
  const x = engine.tensor([1], [1]);
  engine.device.destroy();
  await engine.device.lost;
  await assert.rejects(engine.read(x), /device was lost/);
});
