/** Every kernel variant that this device offers computes what its family's base variant computes, element by element. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { VARIANT_FAMILIES } from '../src/kernels/variants.js';
import { compute, kernelCases, otherVariants, relativeError, watchChoices } from '../src/verify/index.js';
import { sharedEngine } from './helpers.js';

const engine = await sharedEngine();

test('a base variant needs no optional feature', () => {
  for (const [family, { base, variants }] of Object.entries(VARIANT_FAMILIES)) assert.deepEqual(variants[base], [], family);
});

const ran = new Set<string>();

for (const verifyCase of kernelCases()) {
  const { op, name } = verifyCase;
  test(`${op} ${name}`, async () => {
    const { asked, stop } = watchChoices(engine);
    const byRule = await compute(engine, verifyCase);
    stop();
    // All families that the case varies in their base variant, where its shapes allow it.
    const varied = [...asked].filter(([family]) => verifyCase.vary?.includes(family) ?? true);
    for (const [family, { candidates }] of varied) {
      assert.ok(family in VARIANT_FAMILIES, `${family} is not listed in src/kernels/variants.ts`);
      for (const candidate of candidates) assert.ok(candidate in VARIANT_FAMILIES[family].variants, `${family}=${candidate} is not listed in src/kernels/variants.ts`);
      const { base } = VARIANT_FAMILIES[family];
      if (candidates.includes(base)) engine.force(family, base);
    }
    const byBase = await compute(engine, verifyCase);
    const tolerances = verifyCase.reference();
    const compare = (what: string, outputs: typeof byBase): void => {
      for (const [output, values] of Object.entries(outputs)) {
        const { tolerance } = tolerances[output];
        const error = relativeError(values, { values: byBase[output], tolerance });
        assert.ok(error <= tolerance, `${what}: ${output} differs from the base variant by ${error}, more than ${tolerance}`);
      }
    };
    compare('rule', byRule);
    for (const { family, variant, state } of otherVariants(asked, verifyCase, engine.device.features)) {
      if (state !== 'can run') continue;
      const before = VARIANT_FAMILIES[family].base;
      engine.force(family, variant);
      compare(`${family}=${variant}`, await compute(engine, verifyCase));
      engine.force(family, asked.get(family)?.candidates.includes(before) ? before : null);
      ran.add(`${family}=${variant}`);
    }
    for (const [family, { chosen }] of asked) {
      engine.force(family, null);
      for (const variant of chosen) ran.add(`${family}=${variant}`);
    }
  });
}

test('every variant that this device offers was among them', () => {
  const offered = Object.entries(VARIANT_FAMILIES).flatMap(([family, { variants }]) =>
    Object.entries(variants)
      .filter(([, needs]) => needs.every((feature) => engine.device.features.has(feature)))
      .map(([variant]) => `${family}=${variant}`),
  );
  assert.deepEqual(offered.filter((variant) => !ran.has(variant)), []);
});
