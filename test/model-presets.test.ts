import assert from 'node:assert/strict';
import { test } from 'node:test';
import { InputError } from '../src/engine/index.js';
import { layOut, initialValues } from '../src/model/parameters.js';
import { checkBackbone, PRESETS, presetNamed, regionFeatureDim, stageSize } from '../src/model/presets.js';
import { backboneSpecs } from '../src/model/backbone/specs.js';
import { sizeOf } from '../src/engine/index.js';

test('every preset fits together', () => {
  for (const preset of Object.values(PRESETS)) checkBackbone(preset.backbone);
});

test('an unknown preset is refused with the names there are', () => {
  assert.throws(() => presetNamed('huge'), new InputError('There is no preset "huge"; expected one of tiny, small, swin-t.'));
  assert.throws(() => presetNamed('toString'), InputError);
});

test('sizes that patch and window cannot divide are refused in words', () => {
  const { backbone } = PRESETS.tiny;
  assert.throws(() => checkBackbone({ ...backbone, imageSize: 66 }), /Image size 66 cannot be divided into 4x4 patches/);
  assert.throws(() => checkBackbone({ ...backbone, imageSize: 72 }), /a first map of 18x18, which windows of 4x4 cannot divide: expected an image size that is a multiple of 16/);
  assert.throws(() => checkBackbone({ ...backbone, heads: [3, 4] }), /Stage 0 has 32 channels, which 3 heads cannot divide/);
  assert.throws(() => checkBackbone({ ...backbone, poolStages: [2] }), /Pooled stage 2 does not exist/);
  assert.throws(() => checkBackbone({ ...backbone, depths: [2] }), /1 depths and 2 head counts/);
});

test("Swin-T's stages have the paper's sizes, and its backbone the paper's parameters", () => {
  const { backbone } = PRESETS['swin-t'];
  assert.deepEqual([0, 1, 2, 3].map((stage) => stageSize(backbone, stage)), [56, 28, 14, 7]);
  assert.equal(regionFeatureDim(backbone), 192 + 384);
  const count = backboneSpecs('', { ...backbone, poolStages: [3] }).reduce((sum, spec) => sum + sizeOf(spec.shape), 0);
  // 28,288,354 with a 1000-way classifier (768 x 1000 + 1000).
  assert.equal(count, 28_288_354 - 769_000);
});

test('the arena lays decayed parameters first and starts each at a multiple of 128, where an f16 copy can be bound too', () => {
  const layout = layOut([
    { name: 'bias', shape: [10], initializer: { kind: 'zeros' }, decay: false },
    { name: 'weight', shape: [7, 13], initializer: { kind: 'normal', standardDeviation: 0.5 }, decay: true },
    { name: 'scale', shape: [3], initializer: { kind: 'ones' }, decay: false },
  ]);
  assert.deepEqual(Object.fromEntries(layout.offsets), { weight: 0, bias: 128, scale: 256 });
  assert.equal(layout.decayEnd, 128);
  assert.equal(layout.size, 384);
  const values = initialValues(layout, 5);
  assert.ok(values.subarray(0, 91).every((value) => value !== 0 && Math.abs(value) <= 1));
  assert.ok(values.subarray(91, 256).every((value) => value === 0));
  assert.deepEqual([...values.subarray(256, 259)], [1, 1, 1]);
  assert.deepEqual(values, initialValues(layout, 5));
  assert.notDeepEqual(values, initialValues(layout, 6));
});

test('two parameters of one name are refused', () => {
  const spec = { name: 'w', shape: [1], initializer: { kind: 'zeros' }, decay: true } as const;
  assert.throws(() => layOut([spec, spec]), /Two parameters are named w/);
});
