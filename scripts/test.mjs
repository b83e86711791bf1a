// Runs the built tests: all of them, or those whose path holds one of the words given ("npm test -- cli faces").
// The list comes from test/, not from dist/, where a test that was deleted may still lie.
import { readdirSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { run } from 'node:test';
import { spec, tap } from 'node:test/reporters';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const words = process.argv.slice(2);
const files = readdirSync(join(root, 'test'), { recursive: true })
  .map(String)
  .filter((name) => name.endsWith('.test.ts') && (words.length === 0 || words.some((word) => name.includes(word))))
  .sort()
  .map((name) => join('dist', 'test', name.replace(/\.ts$/, '.js')));
if (files.length === 0) {
  process.stderr.write(`No test has ${words.join(' or ')} in its path.\n`);
  process.exit(2);
}
// The longest first (about in this order), so that none of them is left to run alone at the end.
const LONGEST = [
  'verify-cases', 'determinism-chrome', 'chrome-train', 'bench-chrome', 'determinism', 'determinism-order', 'mixed-training', 'chrome-tuning', 'kernels-f16',
  'conformance-fixtures', 'model-training', 'cli-train', 'bench-peers', 'kernels-sinkhorn', 'model-memory', 'races-matmul', 'property-attention',
];
const rank = (file) => {
  const place = LONGEST.indexOf(basename(file, '.test.js'));
  return place === -1 ? LONGEST.length : place;
};
files.sort((one, other) => rank(one) - rank(other));
// A software adapter uses every core by itself: more than two test files at once only wait for each other. (`node --test`
// would sort the files by name.)
process.chdir(root);
const results = run({ files: files.map((file) => join(root, file)), concurrency: 2 });
results.on('test:fail', () => {
  process.exitCode = 1;
});
results.compose(process.stdout.isTTY ? new spec() : tap).pipe(process.stdout);
