/** Starts the built `zygo` command as a process of its own, as a person does. */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { LANDMARK_COUNT, type FaceDataset } from '../src/data/dataset.js';
import { BP4D_AUS } from '../src/data/action-units.js';
import { randomValues } from './helpers.js';

/** dist/src/cli/main.js, seen from dist/test. */
const MAIN = join(dirname(fileURLToPath(import.meta.url)), '..', 'src', 'cli', 'main.js');

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface StartOptions {
  /** Working folder. */
  readonly cwd: string;
  /** Options of Node before the script. */
  readonly node?: readonly string[];
}

/** Starts `zygo` with arguments. */
export function start(args: readonly string[], { cwd, node = [] }: StartOptions): { child: ChildProcess; ended: Promise<Ended> } {
  const child = spawn(process.execPath, [...node, MAIN, ...args], { cwd, stdio: ['ignore', 'pipe', 'pipe'] });
  const ended = new Promise<Ended>((resolve, reject) => {
    let stdout = '';
    let stderr = '';
    child.stdout?.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
    child.stderr?.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, stdout, stderr }));
  });
  return { child, ended };
}

/** Runs `zygo` to its end. */
export function zygo(args: readonly string[], options: StartOptions): Promise<Ended> {
  return start(args, options).ended;
}

/** A new empty folder; removed when `body` ends. */
export async function inFolder(body: (folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'zygo-cli-'));
  try {
    await body(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Every file and folder below, sorted. */
export async function everythingIn(folder: string): Promise<string[]> {
  return (await readdir(folder, { recursive: true })).map(String).sort();
}

/** Random pictures with landmarks strewn over them: enough where nothing is to be learned from them. */
export function noiseFaces(count: number, people: number, imageSize = 40): FaceDataset {
  return {
    source: 'noise',
    count,
    imageSize,
    images: Uint8Array.from(randomValues(count * imageSize * imageSize * 4, 11), (value) => 128 + 100 * value),
    landmarks: randomValues(count * LANDMARK_COUNT * 2, 12).map((value) => (0.5 + 0.4 * value) * imageSize),
    actionUnits: BP4D_AUS,
    labels: Uint8Array.from(randomValues(count * BP4D_AUS.length, 13), (value) => (value > 0 ? 1 : 0)),
    identities: Int32Array.from({ length: count }, (_, face) => face % people),
    identityNames: Array.from({ length: people }, (_, person) => `person ${person}`),
  };
}
