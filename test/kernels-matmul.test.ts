/** Matrix products and linear layers: every variant, transpose, edge and epilogue against float64. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ShapeError, type Engine, type Tensor } from '../src/engine/index.js';
import { chooseMatmul, fitsVectors, linear, matmul, matmulCandidates, mlp, matmulDevice, matmulSplitting, planMatmul, type MatmulProblem, type MatmulVariant } from '../src/kernels/matmul/index.js';
import { checkGradients } from './gradient-check.js';
import { expectClose, randomValues, relativeError, withEngine } from './helpers.js';
import { erf, linearReference, matmulReference, type MatmulCase } from './reference/matmul.js';

const SHAPES: readonly (readonly [m: number, n: number, k: number])[] = [
  [1, 1, 1],
  [3, 7, 5],
  [17, 65, 33],
  [64, 40, 36],
  [130, 50, 70],
  [140, 132, 52],
];
const TRANSPOSES: readonly (readonly [a: boolean, b: boolean])[] = [
  [false, false],
  [false, true],
  [true, false],
  [true, true],
];

function shapesOf({ m, n, k, batch, sharedB, transposeA, transposeB }: MatmulCase): { a: number[]; b: number[] } {
  const leading = batch === undefined ? [] : [batch];
  return {
    a: [...leading, ...(transposeA ? [k, m] : [m, k])],
    b: [...(sharedB ? [] : leading), ...(transposeB ? [n, k] : [k, n])],
  };
}

function inputsOf(sizes: MatmulCase): { shape: number[]; data: Float32Array<ArrayBuffer> }[] {
  const { a, b } = shapesOf(sizes);
  return [a, b].map((shape, index) => ({ shape, data: randomValues(shape.reduce((x, y) => x * y, 1), 5 + index) }));
}

/** The variants that take a problem on this device. */
const variantsFor = (engine: Engine, problem: MatmulProblem): MatmulVariant[] => matmulCandidates(matmulDevice(engine), problem);

test('every matmul variant agrees with float64 for all sizes and transposes', () =>
  withEngine(async (engine) => {
    for (const [m, n, k] of SHAPES) {
      for (const [transposeA, transposeB] of TRANSPOSES) {
        const sizes = { m, n, k, transposeA, transposeB };
        const [a, b] = inputsOf(sizes);
        const expected = matmulReference(a.data, b.data, sizes);
        for (const variant of variantsFor(engine, { ...sizes, problems: 1, rowSums: false })) {
          await engine.scope(async () => {
            const y = matmul(engine, engine.tensor(a.data, a.shape), engine.tensor(b.data, b.shape), { transposeA, transposeB, variant });
            await expectClose(engine, y, expected, 2e-6, `${variant} ${m}x${n}x${k} ${transposeA ? 'T' : 'N'}${transposeB ? 'T' : 'N'}`);
          });
        }
      }
    }
  }));

test('matmul gradients for all transposes, with own and shared b', () =>
  withEngine(async (engine) => {
    for (const [transposeA, transposeB] of TRANSPOSES) {
      for (const [batch, sharedB] of [[undefined, false], [3, false], [3, true]] as const) {
        for (const [m, n, k] of [[3, 7, 5], [12, 20, 8]]) {
          const sizes = { m, n, k, batch, sharedB, transposeA, transposeB };
          await checkGradients({
            engine,
            name: `matmul ${JSON.stringify(sizes)}`,
            inputs: inputsOf(sizes),
            forward: ([a, b]) => matmul(engine, a, b, { transposeA, transposeB }),
            reference: ([a, b]) => matmulReference(a, b, sizes),
          });
        }
      }
    }
  }));

test('a batch of one and several leading dimensions broadcast b', () =>
  withEngine(async (engine) => {
    const a = randomValues(2 * 3 * 4 * 8, 1);
    const b = randomValues(8 * 12, 2);
    const y = matmul(engine, engine.tensor(a, [2, 3, 4, 8]), engine.tensor(b, [1, 1, 8, 12]));
    assert.deepEqual(y.shape, [2, 3, 4, 12]);
    await expectClose(engine, y, matmulReference(a, b, { m: 24, n: 12, k: 8 }), 2e-6, 'broadcast b');
  }));

test('long inner sums are split and give the same bits every time', () =>
  withEngine(async (engine) => {
    for (const k of [4096, 4099]) {
      const sizes = { m: 32, n: 28, k, transposeA: true };
      const problem = { ...sizes, transposeB: false, problems: 1, rowSums: false, splittable: true };
      const device = matmulDevice(engine);
      const plan = planMatmul(chooseMatmul(device, problem), matmulSplitting(engine), problem);
      assert.ok(plan.splits > 1 && plan.splits * plan.splitLength >= k, `${plan.splits} splits of ${plan.splitLength}`);
      const [a, b] = inputsOf(sizes).map(({ data, shape }) => engine.tensor(data, shape));
      const first = await engine.read(matmul(engine, a, b, { transposeA: true }));
      const second = await engine.read(matmul(engine, a, b, { transposeA: true }));
      assert.deepEqual(first, second);
      const [dataA, dataB] = inputsOf(sizes);
      assert.ok(relativeError(first, matmulReference(dataA.data, dataB.data, sizes)) < 2e-6);
    }
  }));

test('more problems than a dispatch has workgroups run in several', () =>
  withEngine(async (engine) => {
    const sizes = { m: 1, n: 1, k: 1, batch: 65537 };
    const [a, b] = inputsOf(sizes);
    const y = matmul(engine, engine.tensor(a.data, a.shape), engine.tensor(b.data, b.shape));
    await expectClose(engine, y, matmulReference(a.data, b.data, sizes), 1e-6, 'large batch');
  }));

test('linear: bias, GELU and residual in every variant', () =>
  withEngine(async (engine) => {
    for (const [tokens, outputs, inputs] of [[5, 3, 7], [37, 20, 12], [70, 96, 32], [600, 16, 28]]) {
      const x = randomValues(tokens * inputs, 1).map((value) => 2 * value);
      const weight = randomValues(outputs * inputs, 2);
      const bias = randomValues(outputs, 3);
      const residual = randomValues(tokens * outputs, 4);
      const problem = { m: tokens, n: outputs, k: inputs, problems: 1, transposeA: false, transposeB: true, rowSums: false };
      for (const variant of variantsFor(engine, problem)) {
        for (const gelu of [false, true]) {
          await engine.scope(async () => {
            const y = linear(engine, engine.tensor(x, [tokens, inputs]), engine.tensor(weight, [outputs, inputs]), engine.tensor(bias, [outputs]), {
              activation: gelu ? 'gelu' : 'none',
              residual: engine.tensor(residual, [tokens, outputs]),
              variant,
            });
            const expected = linearReference(x, weight, bias, residual, { tokens, inputs, outputs, gelu });
            await expectClose(engine, y, expected, 2e-6, `linear ${variant} ${tokens}x${inputs}->${outputs} gelu ${gelu}`);
          });
        }
      }
    }
  }));

test('linear gradients: x, weight, bias, residual', () =>
  withEngine(async (engine) => {
    for (const { tokens, inputs, outputs } of [
      { tokens: 6, inputs: 7, outputs: 5 },
      { tokens: 21, inputs: 12, outputs: 8 },
      { tokens: 530, inputs: 8, outputs: 36 },
    ]) {
      for (const gelu of [false, true]) {
        const sizes = { tokens, inputs, outputs, gelu };
        const shapes = [[tokens, inputs], [outputs, inputs], [outputs], [tokens, outputs]];
        const values = shapes.map((shape, index) => ({ shape, data: randomValues(shape.reduce((a, b) => a * b, 1), 20 + index) }));
        const activation = gelu ? 'gelu' : 'none';
        await checkGradients({
          engine,
          name: `linear ${JSON.stringify(sizes)}`,
          inputs: values,
          forward: ([x, weight, bias, residual]) => linear(engine, x, weight, bias, { activation, residual }),
          reference: ([x, weight, bias, residual]) => linearReference(x, weight, bias, residual, sizes),
          samples: 10,
        });
        await checkGradients({
          engine,
          name: `linear without bias and residual ${JSON.stringify(sizes)}`,
          inputs: values.slice(0, 2),
          forward: ([x, weight]) => linear(engine, x, weight, null, { activation }),
          reference: ([x, weight]) => linearReference(x, weight, null, null, sizes),
          samples: 10,
        });
      }
    }
  }));

test('linear computes only the gradients that are asked for, and writes parameters in place', () =>
  withEngine(async (engine) => {
    const x = engine.tensor(randomValues(40 * 8, 1), [40, 8]);
    const weight = engine.tensor(randomValues(12 * 8, 2), [12, 8]);
    const bias = engine.tensor(randomValues(12, 3), [12]);
    const seed = engine.tensor(randomValues(40 * 12, 4), [40, 12]);
    const run = (watched: Tensor[]): (Tensor | null)[] =>
      engine.withTape((tape) => {
        for (const tensor of watched) tape.watch(tensor);
        tape.backward([[linear(engine, x, weight, bias), seed]]);
        return [x, weight, bias].map((tensor) => tape.gradientOf(tensor));
      });
    const [dx, dw, db] = run([x, weight, bias]);
    assert.ok(dx && dw && db);
    const [noX, noW, onlyB] = run([bias]);
    assert.equal(noX, null);
    assert.equal(noW, null);
    assert.ok(onlyB);
    assert.ok(relativeError(await engine.read(onlyB), await engine.read(db)) < 2e-6);

    weight.requiresGradient = true;
    weight.gradient = engine.zeros([12, 8]);
    const [, own] = run([]);
    assert.equal(own, weight.gradient);
    assert.deepEqual(await engine.read(weight.gradient), await engine.read(dw));
  }));

test('mlp gives what two linear layers give, to the last bit, computes the gradients that are asked for, and keeps only the values before GELU', () =>
  withEngine(async (engine) => {
    const shapes = [[40, 8], [32, 8], [32], [12, 32], [12], [40, 12]];
    const [x, up, upBias, down, downBias, residual] = shapes.map((shape, index) => engine.tensor(randomValues(shape.reduce((a, b) => a * b), index), shape));
    const all = [x, up, upBias, down, downBias, residual];
    const seed = engine.tensor(randomValues(40 * 12, 9), [40, 12]);
    const fused = () => mlp(engine, x, { weight: up, bias: upBias }, { weight: down, bias: downBias }, { residual });
    const separate = () => linear(engine, linear(engine, x, up, upBias, { activation: 'gelu' }), down, downBias, { residual });
    const run = async (op: () => Tensor, watched: Tensor[]) => {
      const { y, gradients } = engine.withTape((tape) => {
        for (const tensor of watched) tape.watch(tensor);
        const result = op();
        tape.backward([[result, seed]]);
        return { y: result, gradients: all.map((tensor) => tape.gradientOf(tensor)) };
      });
      return { y: await engine.read(y), gradients: await Promise.all(gradients.map((gradient) => gradient && engine.read(gradient))) };
    };
    const expected = await run(separate, all);
    assert.deepEqual((await run(fused, all)).y, expected.y);
    for (const watched of [all, [x], [up, downBias], [down], [upBias], [downBias], [residual]]) {
      const { gradients } = await run(fused, watched);
      gradients.forEach((gradient, index) => {
        if (!watched.includes(all[index])) assert.equal(gradient, null);
        else assert.ok(gradient && relativeError(gradient, expected.gradients[index] as Float32Array) < 2e-6, `gradient ${index} of ${watched.length}`);
      });
    }
    const labels: string[] = [];
    const kept = engine.capture('mlp', () => engine.withTape((tape) => {
      tape.watch(x);
      const y = fused();
      const stop = engine.observe({ launch: ({ call }) => void labels.push(...Object.values(call.tensors).map(({ storage }) => storage.label)) });
      tape.backward([[y, seed]]);
      stop();
    }));
    kept.destroy();
    assert.ok(labels.includes('preactivation') && !labels.includes('hidden'));
  }));

test('shapes that do not fit are refused in words', () =>
  withEngine(async (engine) => {
    const a = engine.zeros([4, 6]);
    assert.throws(() => matmul(engine, a, engine.zeros([5, 3])), (error) => error instanceof ShapeError && /6 columns of a and 5 rows of b/.test(error.message));
    assert.throws(() => matmul(engine, engine.zeros([2, 4, 6]), engine.zeros([3, 6, 5])), ShapeError);
    assert.throws(() => matmul(engine, engine.zeros([6]), a), ShapeError);
    assert.throws(() => linear(engine, a, engine.zeros([3, 5]), null), ShapeError);
    assert.throws(() => linear(engine, a, engine.zeros([3, 6]), engine.zeros([4])), ShapeError);
    assert.throws(() => linear(engine, a, engine.zeros([3, 6]), null, { residual: engine.zeros([4, 4]) }), ShapeError);
    const layer = (outputs: number, inputs: number) => ({ weight: engine.zeros([outputs, inputs]), bias: engine.zeros([outputs]) });
    assert.throws(() => mlp(engine, a, layer(8, 6), layer(3, 7)), (error) => error instanceof ShapeError && /mlp takes/.test(error.message));
    assert.throws(() => mlp(engine, a, layer(8, 6), layer(3, 8), { residual: engine.zeros([4, 6]) }), ShapeError);
  }));

test('the choice falls on variants that can run', () => {
  const ragged = { m: 33, n: 27, k: 9, problems: 1, transposeA: false, transposeB: true, rowSums: false };
  const even = { ...ragged, n: 28, k: 8 };
  assert.equal(chooseMatmul({ software: true, subgroups: true }, ragged), 'tile');
  assert.equal(chooseMatmul({ software: true, subgroups: true }, even), 'quad');
  assert.equal(chooseMatmul({ software: true, subgroups: true }, { ...even, m: 4096, n: 64, k: 128 }), 'quadTall');
  assert.equal(chooseMatmul({ software: true, subgroups: false }, even), 'register');
  assert.equal(chooseMatmul({ software: false, subgroups: true }, ragged), 'workgroup');
  assert.equal(chooseMatmul({ software: false, subgroups: false }, { ...even, n: 8 }), 'tile');
  const gpu = { software: false, subgroups: true, invocations: 1024 };
  assert.equal(chooseMatmul(gpu, { ...even, m: 4096, n: 4096 }), 'blockWide');
  assert.equal(chooseMatmul({ ...gpu, invocations: 128 }, { ...even, m: 4096, n: 4096 }), 'block');
  assert.equal(chooseMatmul(gpu, { ...even, m: 100352, n: 96 }), 'block96');
  assert.equal(chooseMatmul(gpu, { ...even, m: 100352, n: 64 }), 'block');
  assert.equal(chooseMatmul(gpu, { ...even, m: 256, n: 256 }), 'blockSmall');
  const weightGradient = { ...even, m: 384, n: 1536, k: 100352 };
  assert.equal(chooseMatmul(gpu, weightGradient), 'blockSmall');
  assert.equal(chooseMatmul(gpu, { ...weightGradient, splittable: true }), 'blockWide');
  assert.equal(matmulCandidates({ ...gpu, invocations: 128 }, even).includes('block96'), false);
  // Neither operand is contiguous along k: any k will do.
  assert.equal(fitsVectors({ ...even, m: 32, k: 9, transposeA: true, transposeB: false }), true);
  assert.equal(fitsVectors({ ...even, m: 33, k: 9, transposeA: true, transposeB: false }), false);
});

test('the reference error function agrees with published values (Abramowitz and Stegun, table 7.1)', () => {
  for (const [x, value] of [[0.5, 0.5204998778], [1, 0.8427007929], [2, 0.995322265], [3.5, 0.999999257]]) {
    assert.ok(Math.abs(erf(x) - value) < 1e-10, `erf(${x})`);
    assert.equal(erf(-x), -erf(x));
  }
});
