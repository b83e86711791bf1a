/** `zygo serve`: builds the app, serves it on this machine and opens Chrome. */
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { Command } from 'commander';
import open from 'open';
import { InputError } from '../../engine/errors.js';
import { startAppServer } from '../../platform/node/app-server.js';
import { findInstalledChrome } from '../../platform/node/chrome.js';
import { verboseOption, wholeNumber } from '../options.js';

/** The package's folder, seen from dist/src/cli/commands. */
const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..', '..', '..', '..');

const DEFAULT_PORT = 8080;

/**
 * The folder of the built app: built now where the sources are, else as it came with the package.
 * @throws {InputError} when there is neither
 */
async function appFolder(): Promise<string> {
  const builder = join(ROOT, 'scripts', 'build-app.mjs');
  if (existsSync(builder) && existsSync(join(ROOT, 'src', 'app'))) {
    const { buildApp } = (await import(pathToFileURL(builder).href)) as { buildApp: () => Promise<string> };
    return buildApp();
  }
  const built = join(ROOT, 'dist', 'app');
  if (!existsSync(built)) throw new InputError(`The app is not in ${ROOT}: expected src/app or a built dist/app.`);
  return built;
}

/** True where a program can show a window. */
function hasDisplay(): boolean {
  return process.platform !== 'linux' || Boolean(process.env.DISPLAY ?? process.env.WAYLAND_DISPLAY);
}

/** Opens the app in the person's Chrome; false where there is none. */
async function openChrome(url: string): Promise<boolean> {
  const chrome = hasDisplay() ? findInstalledChrome() : null;
  if (!chrome) return false;
  try {
    await open(url, { app: { name: chrome.executable } });
    return true;
  } catch {
    return false;
  }
}

/**
 * Serves until the process is told to end (Ctrl-C).
 * @throws {InputError} when there is no app, or no port is free
 */
export async function serve(options: { readonly port: number; readonly open: boolean }): Promise<void> {
  const server = await startAppServer({ folder: await appFolder(), port: options.port });
  if (options.port !== 0 && server.port !== options.port) console.log(`Port ${options.port} is in use: using ${server.port}.`);
  console.log(`Zygo is at ${server.url} (Ctrl-C ends it).`);
  if (options.open && !(await openChrome(server.url))) console.log('No Chrome was opened: open the address in Chrome or Edge yourself.');
  await new Promise<void>((resolve) => {
    process.once('SIGINT', resolve).once('SIGTERM', resolve);
  });
  await server.close();
}

/** The subcommand for the command line. */
export function serveCommand(): Command {
  return new Command('serve')
    .description('Build the app, serve it on this machine only, and open Chrome')
    .option('--port <number>', 'port to listen on; the next free one when it is taken, any free one for 0', wholeNumber('--port', 0, 65535), DEFAULT_PORT)
    .option('--no-open', 'only print the address')
    .addOption(verboseOption())
    .action(serve);
}
