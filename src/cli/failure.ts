/** How the command line ends when something is wrong: one sentence on stderr and an exit code. */
import { CommanderError } from 'commander';
import { InputError, ZygoError } from '../engine/errors.js';

/** 0 is success. */
export const EXIT = {
  /** The run failed on its way: the device was lost, the loss is not finite, a file could not be written. */
  failed: 1,
  /** What was given cannot be used: option, file, value, or a machine without an adapter. Nothing was begun. */
  badInput: 2,
  /** Ctrl-C: 128 + SIGINT, as shells have it. */
  interrupted: 130,
} as const;

/** An end with an exit code of its own; the message is one plain sentence, or empty when all has been said already. */
export class CommandFailure extends ZygoError {
  override name = 'CommandFailure';
  constructor(
    readonly exitCode: number,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** The exit code that belongs to an error. */
export function exitCodeOf(error: unknown): number {
  if (error instanceof CommandFailure) return error.exitCode;
  // Only for --help and --version; its errors are made CommandFailure where they arise (program.ts).
  if (error instanceof CommanderError) return error.exitCode;
  return error instanceof InputError ? EXIT.badInput : EXIT.failed;
}

/** A message as one line that ends with a full stop: what drivers say may have several lines and no end. */
export function sentence(message: string): string {
  const line = message.replace(/\s*\n\s*/g, ' ').trim();
  return /[.!?)]$/.test(line) ? line : `${line}.`;
}

/**
 * What stderr shows for an error, or null when there is nothing to say (help was asked for and printed).
 * @param verbose adds the stack trace
 */
export function messageFor(error: unknown, verbose: boolean): string | null {
  if (error instanceof CommanderError) return null;
  if (error instanceof CommandFailure && error.message === '') return null;
  const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
  if (verbose) return error instanceof Error && error.cause instanceof Error ? `${stack}\nCaused by: ${error.cause.stack}` : stack;
  if (error instanceof ZygoError) return error instanceof CommandFailure ? error.message : sentence(error.message);
  const reason = error instanceof Error ? error.message : String(error);
  return `Zygo failed in an unexpected way: ${reason.split('\n')[0]} (run again with --verbose for the stack trace).`;
}
