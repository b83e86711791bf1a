/** The page's side of the Worker: a Worker of its own for each order, so that ending it gives everything back. */
import type { Order, Report } from './protocol.js';

/**
 * Lets a page carry out one order at a time and hear its reports. Made once per page; nothing of an order that was ended is
 * heard.
 */
export class BenchClient {
  private worker: Worker | null = null;

  /**
   * @param script address of the bundled worker.ts
   * @param onReport called with every message of the present Worker
   */
  constructor(
    private readonly script: URL,
    private readonly onReport: (report: Report) => void,
  ) {}

  /** Ends what goes on, and carries out an order. */
  start(order: Order): void {
    this.stop();
    const worker = new Worker(this.script, { type: 'module', name: 'zygo benchmark' });
    this.worker = worker;
    // A message may still be on its way from a Worker that was ended.
    worker.addEventListener('message', ({ data }: MessageEvent<Report>) => {
      if (worker === this.worker) this.onReport(data);
    });
    worker.addEventListener('error', (event) => {
      event.preventDefault();
      if (worker === this.worker) this.onReport({ kind: 'failed', failure: 'unexpected', message: event.message || 'the Worker did not start', stack: '' });
    });
    worker.postMessage(order);
  }

  /** Ends the Worker at once, whatever it does. */
  stop(): void {
    this.worker?.terminate();
    this.worker = null;
  }
}
