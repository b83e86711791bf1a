import { homedir } from 'node:os';
import { join } from 'node:path';

/**
 * The folder for files that can be made again (unpacked software adapter, tuner winners).
 * ZYGO_CACHE overrides it; otherwise the operating system's cache folder is used.
 */
export function cacheFolder(): string {
  const chosen = process.env.ZYGO_CACHE;
  if (chosen) return chosen;
  if (process.platform === 'win32') return join(process.env.LOCALAPPDATA ?? homedir(), 'zygo', 'cache');
  if (process.platform === 'darwin') return join(homedir(), 'Library', 'Caches', 'zygo');
  return join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'zygo');
}
