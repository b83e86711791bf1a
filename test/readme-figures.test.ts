/** Ratios in the README are ones that were measured: each stands in a result file that is kept beside the code. */
import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { dirname, join, sep } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { intervalText, threeDigits } from '../bench/format.js';
import { parseResult } from '../bench/harness/schema.js';

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
const RESULTS = join(ROOT, 'bench', 'results');

/** "3.57 (3.34 to 3.81)" of every comparison in every result file. */
function measuredRatios(): Set<string> {
  // What `bench all` is still working on is not kept.
  const files = readdirSync(RESULTS, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.json') && !name.endsWith('state.json') && !name.split(sep).includes('work'));
  const results = files.map((name) => parseResult(readFileSync(join(RESULTS, name), 'utf8'), name));
  return new Set(results.flatMap(({ comparisons }) => comparisons.map((comparison) => `${threeDigits(comparison.ratio)} (${intervalText(comparison)})`)));
}

test('every ratio with an interval in the README is in a result file', () => {
  const readme = readFileSync(join(ROOT, 'README.md'), 'utf8');
  const section = readme.slice(readme.indexOf('\n## How fast it is'), readme.indexOf('\n## How it is laid out'));
  const told = [...section.matchAll(/[\d.]+ \([\d.]+ to [\d.]+\)/g)].map(([text]) => text);
  assert.ok(told.length >= 20, `the README tells ${told.length} ratios`);
  const measured = measuredRatios();
  assert.deepEqual(told.filter((text) => !measured.has(text)), [], 'ratios that no result file holds');
});
