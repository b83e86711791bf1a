/** Versions that stand beside results. */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The package's folder: the nearest one above this file that holds the package.json named zygo. */
function packageFolder(): string {
  for (let folder = dirname(fileURLToPath(import.meta.url)); ; folder = dirname(folder)) {
    const file = join(folder, 'package.json');
    if (existsSync(file) && (JSON.parse(readFileSync(file, 'utf8')) as { name?: string }).name === 'zygo') return folder;
    if (dirname(folder) === folder) throw new Error('the package.json of zygo must stand above its code');
  }
}

/** Zygo's version, from package.json. */
export function zygoVersion(): string {
  return (JSON.parse(readFileSync(join(packageFolder(), 'package.json'), 'utf8')) as { version: string }).version;
}

/**
 * The commit of the checkout that runs, with "+changes" when files differ from it; null outside a git checkout. Results
 * that were measured with it (bench/results) are no change to it.
 */
export function gitCommit(): string | null {
  const folder = packageFolder();
  // Without this a package installed inside someone's repository would report that repository's commit.
  if (!existsSync(join(folder, '.git'))) return null;
  const git = (...args: string[]) => execFileSync('git', args, { cwd: folder, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  try {
    return git('rev-parse', 'HEAD') + (git('status', '--porcelain', '--untracked-files=no', '--', '.', ':!bench/results') === '' ? '' : '+changes');
  } catch {
    return null;
  }
}
