/** The page that runs the benchmark in Chrome, bundled and served on this machine. */
import { copyFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { createRequire } from 'node:module';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { startAppServer } from '../../src/platform/node/app-server.js';
import { WASM_PATH } from '../peers/ort/wasm-path.js';

/** bench/browser of the checkout, seen from dist/bench/node. */
const SOURCE = join(dirname(fileURLToPath(import.meta.url)), '..', '..', '..', 'bench', 'browser');

/** The WebAssembly of onnxruntime-web as it lies in node_modules; none where the package is not installed. */
function wasmFiles(): Record<string, string> {
  try {
    const main = createRequire(import.meta.url).resolve('onnxruntime-web');
    return { [`/${WASM_PATH}`]: join(dirname(main), basename(WASM_PATH)) };
  } catch {
    return {};
  }
}

/** The benchmark's page while it is served. */
export interface ServedPage {
  /** http, on a free port of this machine. */
  readonly url: string;
  /** Ends the server and takes the bundled files away. */
  close(): Promise<void>;
}

/** Bundles the page and its Worker into a folder of their own and serves it, isolated from other origins. */
export async function serveBenchPage(): Promise<ServedPage> {
  const folder = await mkdtemp(join(tmpdir(), 'zygo-bench-'));
  const removeFolder = (): Promise<void> => rm(folder, { recursive: true, force: true });
  try {
    await build({
      entryPoints: ['page.ts', 'worker.ts'].map((name) => join(SOURCE, name)),
      outdir: folder,
      bundle: true,
      // What is imported when it is needed stays in files of its own.
      splitting: true,
      platform: 'browser',
      format: 'esm',
      target: 'chrome113',
      logLevel: 'warning',
    });
    await copyFile(join(SOURCE, 'index.html'), join(folder, 'index.html'));
    const server = await startAppServer({ folder, port: 0, files: wasmFiles(), scriptSources: ["'wasm-unsafe-eval'"] });
    return {
      url: `${server.url}index.html`,
      async close() {
        await server.close();
        await removeFolder();
      },
    };
  } catch (error) {
    await removeFolder();
    throw error;
  }
}
