// Runs the built tests: all of them, or those whose path holds one of the words given ("npm test -- cli faces").
// The list comes from test/, not from dist/, where a test that was deleted may still lie.
import { readdirSync, writeFileSync } from 'node:fs';
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
/**
 * Files that run in one process each time all tests are run, on the engine that it shares (test/helpers.ts): most of their
 * time is the compilation of kernels, and many of those are the same.
 */
const TOGETHER = {
  kernels: /^(verify-cases|kernel-variants|kernels-(?!attention|sinkhorn).*)$/,
  problems: /^(kernels-(attention|sinkhorn).*|conformance-(cases|fixtures)|property-(attention|gradients|sinkhorn-gradients))$/,
  training: /^(mixed-training|model-(training|memory)|conformance-training|determinism)$/,
};
const nameOf = (file) => basename(file, '.test.js');
/** The files, those that run together replaced by one that imports them. */
function gathered() {
  const groups = Object.entries(TOGETHER).map(([group, pattern]) => {
    const members = files.filter((file) => pattern.test(nameOf(file)));
    const file = join('dist', 'test', `together-${group}.js`);
    writeFileSync(join(root, file), members.map((member) => `import './${basename(member)}';\n`).join(''));
    return file;
  });
  return [...groups, ...files.filter((file) => !Object.values(TOGETHER).some((pattern) => pattern.test(nameOf(file))))];
}
// The longest first (about in this order), so that none of them is left to run alone at the end.
const LONGEST = [
  'together-kernels', 'together-problems', 'together-training', 'chrome-train', 'bench-chrome', 'determinism-chrome', 'property-sinkhorn', 'determinism-order', 'cli-train', 'races-matmul',
  'tuning-cli', 'tuning-device', 'bench-peers', 'chrome-tuning', 'races-attention', 'races-sinkhorn',
];
const rank = (file) => {
  const place = LONGEST.indexOf(basename(nameOf(file), '.js'));
  return place === -1 ? LONGEST.length : place;
};
const entries = words.length === 0 ? gathered() : files;
entries.sort((one, other) => rank(one) - rank(other));
process.chdir(root);
// A software adapter uses every core by itself; but a test in Chrome or in another process waits much of its time.
// (`node --test` would sort the files by name.)
const results = run({ files: entries.map((file) => join(root, file)), concurrency: 3 });
results.on('test:fail', () => {
  process.exitCode = 1;
});
results.compose(process.stdout.isTTY ? new spec() : tap).pipe(process.stdout);
