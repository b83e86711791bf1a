/**
 * Unpacks what `@sparticuz/chromium` carries (headless Chromium, SwiftShader, a Vulkan loader, the libraries
 * that Chromium needs) into the cache folder. Its own helper unpacks into TMPDIR and silently reuses
 * whatever it finds there, so the folder here is named by version and appears by rename, whole or not at all.
 */
import { createReadStream, createWriteStream, existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createBrotliDecompress } from 'node:zlib';
import { extract } from 'tar-fs';
import { cacheFolder } from './cache-folder.js';

const PACKAGE = '@sparticuz/chromium';

/** 'browser' is Chromium with SwiftShader in the same folder: Chromium looks for its software driver nowhere else. */
type Part = 'swiftshader' | 'browser' | 'al2023' | 'fonts';

const resolver = createRequire(import.meta.url);

/** True where the package's binaries can run, Linux on x64, and are there: a machine with a GPU can do without. */
export function bundledChromiumRunsHere(): boolean {
  if (process.platform !== 'linux' || process.arch !== 'x64') return false;
  try {
    return resolver.resolve(PACKAGE) !== '';
  } catch {
    return false;
  }
}

async function unpack(part: Part): Promise<string> {
  const packageFolder = dirname(dirname(resolver.resolve(PACKAGE)));
  const { version } = JSON.parse(readFileSync(join(packageFolder, 'package.json'), 'utf8')) as { version: string };
  const target = join(cacheFolder(), `chromium-${version}`, part);
  if (existsSync(target)) return target;
  const partial = `${target}.${process.pid}.partial`;
  rmSync(partial, { recursive: true, force: true });
  mkdirSync(partial, { recursive: true });
  const decompress = (archive: string, sink: NodeJS.WritableStream) =>
    pipeline(createReadStream(join(packageFolder, 'bin', archive)), createBrotliDecompress(), sink);
  await decompress(`${part === 'browser' ? 'swiftshader' : part}.tar.br`, extract(partial));
  if (part === 'browser') await decompress('chromium.br', createWriteStream(join(partial, 'chromium'), { mode: 0o755 }));
  try {
    renameSync(partial, target);
  } catch (error) {
    // Another process unpacked it first: use that one.
    rmSync(partial, { recursive: true, force: true });
    if (!existsSync(target)) throw error;
  }
  return target;
}

/** Paths of the unpacked SwiftShader Vulkan driver and of the Vulkan loader beside it. */
export async function unpackSwiftShader(): Promise<{ icdFile: string; loader: string; folder: string }> {
  const folder = await unpack('swiftshader');
  return { folder, icdFile: join(folder, 'vk_swiftshader_icd.json'), loader: join(folder, 'libvulkan.so.1') };
}

/** Path of the unpacked headless Chromium and the environment it must be started with. */
export async function unpackChromium(): Promise<{ executable: string; env: Record<string, string> }> {
  const [browser, libraries, fonts, graphics] = await Promise.all([
    unpack('browser'),
    unpack('al2023'),
    unpack('fonts'),
    unpackSwiftShader(),
  ]);
  const inherited = process.env.LD_LIBRARY_PATH;
  return {
    executable: join(browser, 'chromium'),
    env: {
      LD_LIBRARY_PATH: [join(libraries, 'lib'), graphics.folder, inherited].filter(Boolean).join(':'),
      FONTCONFIG_PATH: join(fonts, 'fonts'),
      VK_DRIVER_FILES: graphics.icdFile,
      VK_ICD_FILENAMES: graphics.icdFile,
    },
  };
}
