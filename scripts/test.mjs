// Runs the built tests: all of them, or those whose path holds one of the words given ("npm test -- cli faces").
// The list comes from test/, not from dist/, where a test that was deleted may still lie.
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
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
// A software adapter uses every core by itself: more than two test files at once only wait for each other.
const { status } = spawnSync(process.execPath, ['--test', '--test-concurrency=2', ...files], { cwd: root, stdio: 'inherit' });
process.exit(status ?? 1);
