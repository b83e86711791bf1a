/** Versions that stand beside results. */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
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

/** Where the build notes the commit for copies of the checkout that travel without git; npm packages leave it out. */
const NOTED = join('dist', 'commit.json');

/** The commit that git tells for a folder; null where there is no git, or the folder is no checkout. */
function commitFromGit(folder: string): string | null {
  // Without this a package installed inside someone's repository would report that repository's commit.
  if (!existsSync(join(folder, '.git'))) return null;
  const git = (...args: string[]) => execFileSync('git', args, { cwd: folder, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  try {
    return git('rev-parse', 'HEAD') + (git('status', '--porcelain', '--untracked-files=no', '--', '.', ':!bench/results') === '' ? '' : '+changes');
  } catch {
    return null;
  }
}

function notedCommit(folder: string): string | null {
  try {
    const { commit } = JSON.parse(readFileSync(join(folder, NOTED), 'utf8')) as { commit?: unknown };
    return typeof commit === 'string' ? commit : null;
  } catch {
    return null;
  }
}

/** Notes the commit of a checkout that was just built; without git nothing is known of what was built. */
export function noteCommit(folder: string): void {
  const commit = commitFromGit(folder);
  if (commit === null) rmSync(join(folder, NOTED), { force: true });
  else if (commit !== notedCommit(folder)) writeFileSync(join(folder, NOTED), `${JSON.stringify({ commit })}\n`);
}

/**
 * The commit of the checkout that runs, with "+changes" when files differ from it; that of its build where there is no
 * git, and null where neither is known. Results that were measured with it (bench/results) are no change to it.
 */
export function gitCommit(folder = packageFolder()): string | null {
  return commitFromGit(folder) ?? notedCommit(folder);
}
