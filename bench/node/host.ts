/** A place where the command line lets a suite run: this process, or a Chrome that it has started. */
import type { RunRequest } from '../harness/options.js';
import type { RunEvent } from '../harness/result.js';

/** Where a suite runs. Made by `openNodeHost` or `openChromeHost`; the caller closes it, also after a failure. */
export interface BenchHost {
  /** Names of a suite's groups, and what would be left out. */
  list(request: RunRequest): Promise<string[]>;
  /**
   * Runs a suite.
   * @param signal ends it soon; what was told stays true
   * @throws {InputError} when the request cannot be used
   * @throws {DeviceError} when the device, or the browser, has failed for good
   */
  run(request: RunRequest, tell: (event: RunEvent) => void, signal: AbortSignal): Promise<void>;
  /** Ends what the host has started. */
  close(): Promise<void>;
}
