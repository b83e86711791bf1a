/** The run folder: files appear whole (by rename) or grow line by line; nothing is made before training begins. */
import { appendFile, mkdir, readFile, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { InputError } from '../../engine/errors.js';
import { writeWhole } from '../../platform/node/whole-file.js';
import { parseMetrics } from '../../report/summary-schema.js';
import type { MetricsRecord } from '../../report/types.js';
import { CommandFailure, EXIT } from '../failure.js';
import { expectWritable, expectWritableFolder, reasonOf } from '../folders.js';

/** The last snapshot of the training (src/model/checkpoint), by its name in a run folder. */
export const CHECKPOINT_FILE = 'checkpoint.safetensors';
/** What a run was started with, as JSON: options, preset, budget, versions and tuned choices. */
export const CONFIG_FILE = 'config.json';
const METRICS_FILE = 'metrics.jsonl';

/** runs/20261123-125338-tiny-s1, in local time. */
export function defaultRunFolder(preset: string, seed: number, now = new Date()): string {
  const two = (value: number) => String(value).padStart(2, '0');
  const day = `${now.getFullYear()}${two(now.getMonth() + 1)}${two(now.getDate())}`;
  return join('runs', `${day}-${two(now.getHours())}${two(now.getMinutes())}${two(now.getSeconds())}-${preset}-s${seed}`);
}

/** @throws {CommandFailure} when the file cannot be written */
async function write(file: string, content: string | Uint8Array): Promise<void> {
  try {
    await writeWhole(file, content);
  } catch (cause) {
    throw new CommandFailure(EXIT.failed, `${file} cannot be written (${reasonOf(cause)}): expected room on the disk and the right to write.`, { cause });
  }
}

/**
 * The files of one training run: config.json, metrics.jsonl, the checkpoint and the summaries. Made by `plan` or `goOn`
 * before training; nothing stays on the disk until `start`.
 */
export class RunFolder {
  /** Metrics of all steps so far, those of an earlier run that this one goes on from included. */
  readonly metrics: MetricsRecord[] = [];
  private checkpoint: string | null = null;
  private started = false;

  private constructor(
    readonly path: string,
    private readonly goesOn: boolean,
  ) {}

  /**
   * A run folder that will be made when training begins.
   * @throws {InputError} when it is not empty, or cannot be made and written
   */
  static async plan(path: string): Promise<RunFolder> {
    await expectWritableFolder(path);
    return new RunFolder(path, false);
  }

  /**
   * The folder of an earlier run, to go on in it: metrics after `step` are dropped when training begins.
   * @throws {InputError} when it cannot be written or its metrics cannot be read
   */
  static async goOn(path: string, step: number): Promise<RunFolder> {
    await expectWritable(path);
    const folder = new RunFolder(path, true);
    const text = await readFile(join(path, METRICS_FILE), 'utf8').catch((cause: NodeJS.ErrnoException) => {
      if (cause.code === 'ENOENT') return '';
      // Going on without them would write an empty list over them.
      throw new InputError(`${join(path, METRICS_FILE)} cannot be read (${reasonOf(cause)}): expected the metrics of the run that goes on.`, { cause });
    });
    folder.metrics.push(...parseMetrics(text, join(path, METRICS_FILE)).filter((record) => record.step <= step));
    folder.checkpoint = folder.file(CHECKPOINT_FILE);
    return folder;
  }

  /** Path of a file in the folder. */
  file(name: string): string {
    return join(this.path, name);
  }

  /** Path of the last checkpoint, or null when none was written yet. */
  get lastCheckpoint(): string | null {
    return this.checkpoint;
  }

  /** Whether training has begun. */
  get isStarted(): boolean {
    return this.started;
  }

  /**
   * Training begins: makes the folder, and writes config.json and the metrics so far.
   * @throws {CommandFailure} when a file cannot be written
   */
  async start(config: object): Promise<void> {
    await mkdir(resolve(this.path), { recursive: true });
    this.started = true;
    await write(this.file(CONFIG_FILE), `${JSON.stringify(config, null, 2)}\n`);
    await write(this.file(METRICS_FILE), this.metrics.map((record) => `${JSON.stringify(record)}\n`).join(''));
  }

  /**
   * Keeps a step's metrics and appends them to metrics.jsonl as one line.
   * @throws {CommandFailure} when the file cannot be written
   */
  async addMetrics(record: MetricsRecord): Promise<void> {
    this.metrics.push(record);
    await appendFile(this.file(METRICS_FILE), `${JSON.stringify(record)}\n`).catch((cause: unknown) => {
      throw new CommandFailure(EXIT.failed, `${this.file(METRICS_FILE)} cannot be written (${reasonOf(cause)}): expected room on the disk.`, { cause });
    });
  }

  /**
   * Replaces the checkpoint with the bytes of a .safetensors file; the old one stays until the new one is whole.
   * @throws {CommandFailure} when the file cannot be written
   */
  async writeCheckpoint(bytes: Uint8Array): Promise<void> {
    await write(this.file(CHECKPOINT_FILE), bytes);
    this.checkpoint = this.file(CHECKPOINT_FILE);
  }

  /**
   * Writes summary.json or report.html.
   * @returns its path
   * @throws {CommandFailure} when it cannot be written
   */
  async write(name: 'summary.json' | 'report.html', text: string): Promise<string> {
    await write(this.file(name), text);
    return this.file(name);
  }

  /** Takes the folder away again when a run of its own ended before its first step. */
  async dropIfEmpty(): Promise<void> {
    if (this.started && !this.goesOn && this.metrics.length === 0) await rm(this.path, { recursive: true, force: true });
  }
}
