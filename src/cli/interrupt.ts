/** Ctrl-C: the first one asks the work to stop at a good place, the second ends the process at once. */
import { CommandFailure, EXIT } from './failure.js';

/** One Ctrl-C can arrive twice, from the terminal and passed on by npm; within this time it counts once. */
const SAME_MILLISECONDS = 500;

/**
 * Listens for Ctrl-C (SIGINT, SIGTERM) from its making to `dispose`. Made by a command around its long work, which looks at
 * `signal` between two steps and calls `check` afterwards.
 */
export class Interrupt {
  private readonly controller = new AbortController();
  private readonly listener: () => void;

  /**
   * @param onFirst told at the first Ctrl-C
   * @param onSecond told before the process ends, to leave the terminal as it was
   */
  constructor(onFirst: () => void, onSecond: () => void) {
    let first = 0;
    this.listener = () => {
      if (this.controller.signal.aborted) {
        if (performance.now() - first < SAME_MILLISECONDS) return;
        onSecond();
        process.exit(EXIT.interrupted);
      }
      first = performance.now();
      this.controller.abort();
      onFirst();
    };
    process.on('SIGINT', this.listener);
    process.on('SIGTERM', this.listener);
  }

  /** Aborted by the first Ctrl-C. */
  get signal(): AbortSignal {
    return this.controller.signal;
  }

  /**
   * @param message tells what was kept and how to go on
   * @throws {CommandFailure} after a Ctrl-C
   */
  check(message: () => string): void {
    if (this.signal.aborted) throw new CommandFailure(EXIT.interrupted, message());
  }

  /** Gives Ctrl-C back to Node. */
  dispose(): void {
    process.off('SIGINT', this.listener);
    process.off('SIGTERM', this.listener);
  }
}
