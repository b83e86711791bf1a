/**
 * Finds and starts a Chrome with WebGPU for headless work: the one that CHROME_PATH names, an installed one,
 * Playwright's own, or the headless Chromium inside `@sparticuz/chromium`.
 */
import { accessSync, constants, existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { chromium, type Browser } from 'playwright';
import { DeviceError, InputError } from '../../engine/errors.js';
import { bundledChromiumRunsHere, unpackChromium } from './bundled-chromium.js';

/** A Chrome on this machine. */
export interface Chrome {
  /** Path of the program. */
  readonly executable: string;
  /** Variables that it needs on top of this process's own. */
  readonly env: Readonly<Record<string, string>>;
  /** Where it comes from, in words. */
  readonly origin: 'CHROME_PATH' | 'installed' | 'Playwright' | 'bundled';
}

/** How to start it. */
export interface ChromeOptions {
  /** 'auto' (default): a GPU where there is one, and SwiftShader with the bundled Chromium. 'software': SwiftShader. */
  readonly adapter?: 'auto' | 'software';
  /** False starts it as a browser that finds no WebGPU adapter. */
  readonly webgpu?: boolean;
  /** Further command-line switches, such as --enable-webgpu-developer-features. */
  readonly switches?: readonly string[];
  /** True where the caller closes the browser on Ctrl-C; otherwise Playwright does, and ends the process. */
  readonly ownInterrupt?: boolean;
}

/** Names of Chrome on the PATH of Linux, the likelier first. */
const LINUX_PROGRAMS = ['google-chrome-stable', 'google-chrome', 'google-chrome-beta', 'chromium', 'chromium-browser'];

const MAC_PROGRAMS = ['Google Chrome', 'Google Chrome Beta', 'Chromium'].map((name) => `Applications/${name}.app/Contents/MacOS/${name}`);

const WINDOWS_PROGRAMS = ['Google\\Chrome\\Application\\chrome.exe', 'Google\\Chrome Beta\\Application\\chrome.exe'];

/** Places where Chrome is installed on this operating system. */
function installedPlaces(): string[] {
  const under = (folders: readonly (string | undefined)[], programs: readonly string[]) =>
    folders.filter((folder) => folder !== undefined && folder !== '').flatMap((folder) => programs.map((program) => join(folder as string, program)));
  const { env } = process;
  if (process.platform === 'darwin') return under(['/', env.HOME], MAC_PROGRAMS);
  if (process.platform === 'win32') return under([env.PROGRAMFILES, env['PROGRAMFILES(X86)'], env.LOCALAPPDATA], WINDOWS_PROGRAMS);
  const folders = (env.PATH ?? '').split(delimiter);
  return LINUX_PROGRAMS.flatMap((program) => under(folders, [program]));
}

function canRun(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** The Chrome that a person installed, or null. */
export function findInstalledChrome(): Chrome | null {
  const executable = installedPlaces().find(canRun);
  return executable === undefined ? null : { executable, env: {}, origin: 'installed' };
}

/**
 * A Chrome for headless work.
 * @throws {InputError} when CHROME_PATH names no program
 * @throws {DeviceError} when there is none, with what to install
 */
export async function findChrome(): Promise<Chrome> {
  const chosen = process.env.CHROME_PATH;
  if (chosen) {
    if (!canRun(chosen)) throw new InputError(`CHROME_PATH is "${chosen}", which is no program that can be run: expected the path of Chrome or Chromium.`);
    return { executable: chosen, env: {}, origin: 'CHROME_PATH' };
  }
  const installed = findInstalledChrome();
  if (installed) return installed;
  const own = chromium.executablePath();
  if (own && existsSync(own)) return { executable: own, env: {}, origin: 'Playwright' };
  if (bundledChromiumRunsHere()) return { ...(await unpackChromium()), origin: 'bundled' };
  throw new DeviceError(
    `No Chrome was found on this machine (${process.platform} ${process.arch}): install Google Chrome, run ` +
      '`npx playwright install chromium`, or set CHROME_PATH to the program.',
  );
}

/** Command-line switches, on top of those that Playwright gives (which already keep background networking off). */
function switchesFor({ origin }: Chrome, { adapter = 'auto', webgpu = true, switches = [] }: ChromeOptions): string[] {
  const list: string[] = [];
  // Chrome's sandbox refuses to run as root, as in most containers.
  if (process.getuid?.() === 0) list.push('--no-sandbox');
  // With the GPU off, Chrome has navigator.gpu and gives no adapter: what a person without a driver sees.
  if (!webgpu) return [...list, '--disable-gpu'];
  list.push('--enable-unsafe-webgpu');
  if (adapter === 'software' || origin === 'bundled') list.push('--use-webgpu-adapter=swiftshader');
  else if (process.platform === 'linux') list.push('--enable-features=Vulkan', '--use-angle=vulkan', '--ignore-gpu-blocklist');
  return [...list, ...switches];
}

/** A started Chrome. */
export interface LaunchedChrome {
  readonly browser: Browser;
  readonly chrome: Chrome;
  /** Command-line switches that it was started with, without Playwright's own. */
  readonly switches: readonly string[];
}

/**
 * Starts a headless Chrome; close the browser when done.
 * @throws {InputError} when CHROME_PATH names no program
 * @throws {DeviceError} when there is no Chrome or it does not start
 */
export async function launchChrome(options: ChromeOptions = {}): Promise<LaunchedChrome> {
  const chrome = await findChrome();
  const switches = switchesFor(chrome, options);
  const inherited = Object.fromEntries(Object.entries(process.env).filter((entry): entry is [string, string] => entry[1] !== undefined));
  try {
    const browser = await chromium.launch({
      executablePath: chrome.executable,
      env: { ...inherited, ...chrome.env },
      args: switches,
      ...(options.ownInterrupt ? { handleSIGINT: false, handleSIGTERM: false } : {}),
    });
    return { browser, chrome, switches };
  } catch (error) {
    const reason = error instanceof Error ? error.message.split('\n')[0] : String(error);
    throw new DeviceError(`Chrome (${chrome.origin}: ${chrome.executable}) does not start: ${reason}`);
  }
}
