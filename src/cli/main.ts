#!/usr/bin/env node
/** The `zygo` command. */
import { exitCodeOf, messageFor } from './failure.js';
import { makeProgram } from './program.js';

/** Ends the process after both streams are written out: an open WebGPU instance would keep Node alive for ever. */
function exit(code: number): void {
  process.stdout.write('', () => process.stderr.write('', () => process.exit(code)));
}

function fail(error: unknown): void {
  const message = messageFor(error, process.argv.includes('--verbose'));
  if (message !== null) process.stderr.write(`${message}\n`);
  exit(exitCodeOf(error));
}

// An error that escapes every await is told like any other.
process.on('uncaughtException', fail);

try {
  await (await makeProgram()).parseAsync();
  exit(0);
} catch (error) {
  fail(error);
}
