/** Region pooling on maps, channels and regions at random: gradients in every variant, and what must hold of it. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import fc from 'fast-check';
import { type Tensor } from '../src/engine/index.js';
import { regionPool } from '../src/kernels/pooling/index.js';
import { checkGradients } from './gradient-check.js';
import { openTestEngine, randomValues, relativeError } from './helpers.js';
import { property, seeds, values, whole } from './property-runner.js';
import { regionPoolReference, type PoolingCase } from './reference/pooling.js';

const engine = await openTestEngine();
after(() => engine.destroy());

const VARIANTS = ['shared', 'direct'] as const;

const shapes: fc.Arbitrary<PoolingCase & { seed: number }> = fc.record({
  batch: whole(1, 3),
  height: whole(1, 12),
  width: whole(1, 12),
  channels: whole(1, 70),
  regions: whole(1, 13),
  seed: seeds,
});

/** Features and maps; about every third map is empty, and every map has zeros. */
function inputsOf({ batch, height, width, channels, regions, seed }: PoolingCase & { seed: number }, empty: boolean) {
  const x = values([batch, height, width, channels], seed);
  const masks = values([batch, regions, height, width], seed + 1);
  const positions = height * width;
  for (let map = 0; map < batch * regions; map++) {
    const region = masks.data.subarray(map * positions, (map + 1) * positions);
    region.forEach((value, position) => (region[position] = Math.max(value, 0)));
    // A mass that is not tiny: gradients go with its inverse.
    region[(map * 7) % positions] = 1;
    if (empty && map % 3 === seed % 3) region.fill(0);
  }
  return [x, masks];
}

for (const variant of VARIANTS) {
  test(`region pooling (${variant}): forward and gradients equal the float64 reference for any shape`, () =>
    property('region pooling', 6, shapes, async (shape) => {
      engine.force('region-pool', variant);
      await checkGradients({
        engine,
        name: variant,
        inputs: inputsOf(shape, false),
        forward: ([x, masks]) => regionPool(engine, x, masks).pooled,
        reference: ([x, masks]) => regionPoolReference(shape, x, masks),
        backwardTolerance: 1e-4,
        samples: 8,
      });
    }));
}

test('maps whose sum is below epsilon are divided by epsilon, also in their gradient', () =>
  property('region pooling below epsilon', 6, shapes, async (shape) => {
    const inputs = inputsOf(shape, false);
    // Larger than some maps' sums and smaller than others'.
    const epsilon = 0.3 * shape.height * shape.width;
    await checkGradients({
      engine,
      name: 'below epsilon',
      inputs,
      forward: ([x, masks]) => regionPool(engine, x, masks, epsilon).pooled,
      reference: ([x, masks]) => regionPoolReference(shape, x, masks, epsilon),
      backwardTolerance: 1e-4,
      samples: 8,
    });
  }));

/** Pooled features, masses, and the gradients of features and maps for a random loss. */
async function poolAndGradients(shape: PoolingCase & { seed: number }, x: ArrayLike<number>, masks: ArrayLike<number>) {
  const { batch, height, width, channels, regions, seed } = shape;
  const cotangent = randomValues(batch * regions * channels, seed + 2);
  const [pooled, mass, dx, dm] = await engine.scope(async () => {
    const [features, maps] = [engine.tensor(Float32Array.from(x), [batch, height, width, channels]), engine.tensor(Float32Array.from(masks), [batch, regions, height, width])];
    const results = engine.withTape((tape) => {
      tape.watch(features);
      tape.watch(maps);
      const { pooled: y, mass: z } = regionPool(engine, features, maps);
      tape.backward([[y, engine.tensor(cotangent, y.shape)]]);
      return [y, z, tape.gradientOf(features) as Tensor, tape.gradientOf(maps) as Tensor];
    });
    return (await Promise.all(results.map((tensor) => engine.read(tensor)))) as Float32Array[];
  });
  return { pooled, mass, dx, dm, cotangent };
}

test('region pooling: empty maps give 0 and no gradient, and do not disturb the others', () =>
  property('empty maps', 10, shapes, async (shape) => {
    engine.force('region-pool', VARIANTS[shape.seed % 2]);
    const [x, masks] = inputsOf(shape, true);
    const { pooled, mass, dx, dm } = await poolAndGradients(shape, x.data, masks.data);
    for (const gradient of [pooled, dx, dm]) assert.ok(gradient.every(Number.isFinite), 'every value must be finite');
    const expected = regionPoolReference(shape, Float64Array.from(x.data), Float64Array.from(masks.data));
    assert.ok(relativeError(pooled, expected) <= 2e-6, `pooled features are off by ${relativeError(pooled, expected)}`);
    const positions = shape.height * shape.width;
    mass.forEach((weight, map) => {
      if (weight > 0) return;
      assert.ok(pooled.subarray(map * shape.channels, (map + 1) * shape.channels).every((value) => value === 0), `empty map ${map} must give 0`);
      assert.ok(dm.subarray(map * positions, (map + 1) * positions).every((value) => value === 0), `empty map ${map} must get no gradient`);
    });
  }));

test('region pooling: constant features give themselves', () =>
  property('constant features', 10, shapes, async (shape) => {
    engine.force('region-pool', VARIANTS[shape.seed % 2]);
    const [x, masks] = inputsOf(shape, false);
    const constant = randomValues(shape.channels, shape.seed + 3);
    const features = x.data.map((_, index) => constant[index % shape.channels]);
    const { pooled } = await poolAndGradients(shape, features, masks.data);
    const error = relativeError(pooled, pooled.map((_, index) => constant[index % shape.channels]));
    assert.ok(error < 2e-6, `constant features come out with error ${error.toExponential(2)}`);
  }));

test('region pooling: gradient mass is conserved: features receive what their regions were given', () =>
  property('gradient mass', 10, shapes, async (shape) => {
    const [x, masks] = inputsOf(shape, true);
    const { batch, regions, channels } = shape;
    const { mass, dx, dm, cotangent } = await poolAndGradients(shape, x.data, masks.data);
    for (let image = 0; image < batch; image++) {
      for (let channel = 0; channel < channels; channel++) {
        // Regions of the image that are there: each hands its whole gradient to the features, whatever its map.
        let given = 0;
        let size = 0;
        for (let region = image * regions; region < (image + 1) * regions; region++) {
          if (mass[region] === 0) continue;
          given += cotangent[region * channels + channel];
          size += Math.abs(cotangent[region * channels + channel]);
        }
        let received = 0;
        const perImage = shape.height * shape.width * channels;
        for (let at = image * perImage + channel; at < (image + 1) * perImage; at += channels) received += dx[at];
        assert.ok(Math.abs(received - given) <= 1e-5 * size + 1e-12, `image ${image}, channel ${channel}: ${received} received, ${given} given`);
      }
    }
    // The features' mean does not change when a map is scaled: its gradient is orthogonal to it.
    const positions = shape.height * shape.width;
    for (let map = 0; map < batch * regions; map++) {
      let product = 0;
      let magnitude = 0;
      for (let at = map * positions; at < (map + 1) * positions; at++) {
        product += masks.data[at] * dm[at];
        magnitude += Math.abs(masks.data[at] * dm[at]);
      }
      // A map of one position has no gradient but rounding.
      assert.ok(Math.abs(product) <= 1e-5 * magnitude + 1e-6, `map ${map}: ${product} along itself, magnitudes ${magnitude}`);
    }
  }));
