/** One part as a process of its own: what breaks in it breaks nothing else, and it can be ended in time. */
import { spawn, type ChildProcess } from 'node:child_process';
import { createWriteStream, type WriteStream } from 'node:fs';

/** Seconds between asking a process to end and ending it. */
const GRACE = 60;

/** How a process of {@link runChild} ended. */
export interface ChildEnd {
  /** Exit code; null when it had to be killed or was never started. */
  readonly code: number | null;
  /** True when it was asked to end: time ran out, or Ctrl-C. */
  readonly stopped: boolean;
  /** From its start to its end. */
  readonly seconds: number;
  /** The last line that it wrote. */
  readonly lastLine: string;
}

/** Ends a process at once, and with it what it has started (PyTorch's helpers, a browser): its whole group. */
function killGroup(child: ChildProcess): void {
  if (child.pid === undefined) return;
  try {
    // Windows has no groups.
    if (process.platform === 'win32') child.kill('SIGKILL');
    else process.kill(-child.pid, 'SIGKILL');
  } catch {
    // It has ended by itself.
  }
}

/** The stream of a log; what cannot be written is told once, and the command goes on without. */
function logOf(file: string): WriteStream {
  const stream = createWriteStream(file);
  stream.on('error', ({ message }) => process.stderr.write(`The log ${file} cannot be written: ${message}\n`));
  return stream;
}

/**
 * Runs a command with its output in the terminal and in a file. When this process ends before it, it is killed.
 * @param seconds after which it is asked to end, as by Ctrl-C; after the grace it is killed with all that it has started
 * @param signal asks it to end; a command is not begun when it is aborted already
 * @param grace seconds
 */
export function runChild(command: string, args: readonly string[], log: string, seconds: number, signal: AbortSignal, grace = GRACE): Promise<ChildEnd> {
  if (signal.aborted) return Promise.resolve({ code: null, stopped: true, seconds: 0, lastLine: 'not begun' });
  return new Promise((resolve) => {
    const start = performance.now();
    const file = logOf(log);
    // Its own process group: a Ctrl-C reaches it once, through here.
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], detached: true });
    const kill = (): void => killGroup(child);
    // The second Ctrl-C, or a fault here: a group of its own would go on for ever.
    process.once('exit', kill);
    let stopped = false;
    let tail = '';
    let killer: NodeJS.Timeout | undefined;
    const stop = (): void => {
      if (stopped) return;
      stopped = true;
      child.kill('SIGINT');
      killer = setTimeout(kill, grace * 1000);
    };
    const limit = setTimeout(stop, seconds * 1000);
    signal.addEventListener('abort', stop);
    const hear = (stream: NodeJS.WriteStream) => (chunk: Buffer) => {
      stream.write(chunk);
      if (!file.destroyed) file.write(chunk);
      tail = (tail + chunk.toString()).slice(-4000);
    };
    child.stdout.on('data', hear(process.stdout));
    child.stderr.on('data', hear(process.stderr));
    const end = (code: number | null): void => {
      clearTimeout(limit);
      clearTimeout(killer);
      signal.removeEventListener('abort', stop);
      process.off('exit', kill);
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
