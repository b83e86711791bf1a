// Builds the app for Chrome: each page and its Worker are bundled from src/app into dist/app, with their HTML and CSS.
// `zygo serve` calls it before it serves; run `npm run build` first, which gathers the shaders.
import { build } from 'esbuild';
import { cpSync, existsSync, mkdirSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const source = join(root, 'src/app');

/** Builds into `folder` (dist/app by default) and returns it. */
export async function buildApp(folder = join(root, 'dist/app')) {
  const pages = readdirSync(source, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && existsSync(join(source, entry.name, 'index.html')))
    .map((entry) => entry.name);
  mkdirSync(folder, { recursive: true });
  const entryPoints = pages.flatMap((page) => ['page.ts', 'worker.ts'].map((name) => join(source, page, name)).filter(existsSync));
  await build({
    entryPoints: [...entryPoints, join(source, 'shared/style.css')],
    outdir: folder,
    outbase: source,
    bundle: true,
    platform: 'browser',
    format: 'esm',
    target: 'chrome113',
    minify: true,
    sourcemap: 'linked',
    logLevel: 'warning',
  });
  for (const page of pages) cpSync(join(source, page, 'index.html'), join(folder, page, 'index.html'));
  cpSync(join(source, 'shared/icon.svg'), join(folder, 'shared/icon.svg'));
  return folder;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) console.log(`Built the app in ${await buildApp()}`);
