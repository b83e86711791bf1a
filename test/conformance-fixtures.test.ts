/** Every committed case through the code path of `zygo conformance`, and the fixtures that are no cases. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { findCases } from '../src/cli/conformance/find-cases.js';
import type { CaseReport } from '../src/cli/conformance/report.js';
import { runCases } from '../src/cli/conformance/run-cases.js';
import { CONFORMANCE_OPS } from '../src/conformance/index.js';
import { f1PerAu, macroMean } from '../src/data/metrics/f1.js';
import { lent, withEngine } from './helpers.js';

/** test/fixtures, seen from the repository's root, where the tests run. */
const FIXTURES = join('test', 'fixtures');

test('every committed case passes', async () => {
  const files = await findCases([join(FIXTURES, 'conformance')]);
  let reports: readonly CaseReport[] = [];
  await withEngine(async (engine) => {
    ({ reports } = await runCases({ files, openEngine: async () => lent(engine) }));
  });
  assert.equal(reports.length, files.length);
  for (const { file, verdict, problems } of reports) assert.equal(verdict, 'passed', `${file}: ${problems.join('; ')}`);
  const ops = new Set(reports.map(({ source }) => source?.op));
  assert.deepEqual([...ops].sort(), Object.keys(CONFORMANCE_OPS).sort(), 'every op has a case');
  for (const { file, source, result } of reports) {
    assert.match(source?.madeWith ?? '', /torch \d.*ot \d/, `${file} names the versions that made it`);
    assert.equal(result?.comparisons.length, (source?.outputs.size ?? 0) + (source?.gradients.size ?? 0), `${file}: everything in it is compared`);
  }
  // The differentiable ops are proved by gradients too, each input that the table lists at least once.
  for (const [op, { differentiable }] of Object.entries(CONFORMANCE_OPS)) {
    for (const input of differentiable.filter((name) => name !== 'image')) {
      const proved = reports.some(({ source }) => source?.op === op && [...source.gradients.keys()].some((name) => name.startsWith(input)));
      assert.ok(proved, `no case proves the gradient of ${input} of ${op}`);
    }
  }
});

test("F1 per AU equals scikit-learn's", async () => {
  const fixture = JSON.parse(await readFile(join(FIXTURES, 'metrics', 'f1.json'), 'utf8')) as {
    aus: number;
    labels: number[];
    predictions: number[];
    f1: number[];
    macro: number;
  };
  const f1 = f1PerAu(Uint8Array.from(fixture.predictions), Uint8Array.from(fixture.labels), fixture.aus);
  assert.equal(f1.length, fixture.f1.length);
  f1.forEach((value, au) => assert.ok(Math.abs(value - fixture.f1[au]) < 1e-12, `AU column ${au}: ${value}, scikit-learn ${fixture.f1[au]}`));
  assert.ok(Math.abs(macroMean(f1) - fixture.macro) < 1e-12);
});
