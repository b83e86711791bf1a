/** One part as a process of its own: what breaks in it breaks nothing else, and it can be ended in time. */
import { spawn } from 'node:child_process';
import { createWriteStream } from 'node:fs';

/** Seconds between asking a process to end and ending it. */
const GRACE = 60;

export interface ChildEnd {
  /** Null when it had to be killed. */
  readonly code: number | null;
  /** True when it was asked to end: time ran out, or Ctrl-C. */
  readonly stopped: boolean;
  readonly seconds: number;
  /** The last line that it wrote. */
  readonly lastLine: string;
}

/**
 * Runs a command with its output in the terminal and in a file.
 * @param seconds after which it is asked to end, as by Ctrl-C; a minute later it is killed
 * @param signal asks it to end
 */
export function runChild(command: string, args: readonly string[], log: string, seconds: number, signal: AbortSignal): Promise<ChildEnd> {
  return new Promise((resolve) => {
    const start = performance.now();
    const file = createWriteStream(log);
    // Its own process group: a Ctrl-C reaches it once, through here.
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], detached: true });
    let stopped = false;
    let tail = '';
    let killer: NodeJS.Timeout | undefined;
    const stop = (): void => {
      if (stopped) return;
      stopped = true;
      child.kill('SIGINT');
      killer = setTimeout(() => child.kill('SIGKILL'), GRACE * 1000);
    };
    const limit = setTimeout(stop, seconds * 1000);
    signal.addEventListener('abort', stop);
    const hear = (stream: NodeJS.WriteStream) => (chunk: Buffer) => {
      stream.write(chunk);
      file.write(chunk);
      tail = (tail + chunk.toString()).slice(-4000);
    };
    child.stdout.on('data', hear(process.stdout));
    child.stderr.on('data', hear(process.stderr));
    const end = (code: number | null): void => {
      clearTimeout(limit);
      clearTimeout(killer);
      signal.removeEventListener('abort', stop);
      const lines = tail.split(/[\r\n]+/).map((line) => line.trim()).filter((line) => line !== '');
      file.end(() => resolve({ code, stopped, seconds: (performance.now() - start) / 1000, lastLine: lines.at(-1) ?? '' }));
    };
    child.on('error', (error) => {
      tail += `\n${error.message}`;
      end(null);
    });
    child.on('close', end);
  });
}
