/** The page's side of the Worker: one Worker finds the adapter and runs one session; the next run gets a new one. */
import { describeFailure } from './failure.js';
import type { Order, Report } from './protocol.js';
import type { TrainSettings } from './settings.js';

/**
 * Sends a page's orders to its Worker and hands on what the Worker reports. Made once per page; the Worker is replaced for
 * each new run, so that reports of an earlier one are never heard.
 */
export class RunClient {
  private worker: Worker;
  private used = false;

  /** @param onReport called with every message of the present Worker */
  constructor(private readonly onReport: (report: Report) => void) {
    this.worker = this.open();
  }

  private open(): Worker {
    const worker = new Worker(new URL('/train/worker.js', location.href), { type: 'module', name: 'zygo training' });
    worker.addEventListener('message', ({ data }: MessageEvent<Report>) => {
      // A message may still be on its way from a Worker that was ended.
      if (worker === this.worker) this.onReport(data);
    });
    worker.addEventListener('error', (event) => {
      event.preventDefault();
      if (worker === this.worker) this.onReport({ kind: 'failed', ...describeFailure(event.message || 'the Worker did not start') });
    });
    this.used = false;
    return worker;
  }

  private send(order: Order): void {
    this.worker.postMessage(order);
  }

  /** Begins a training, in a new Worker where the present one has run one already. */
  start(settings: TrainSettings): void {
    if (this.used) this.replace();
    this.used = true;
    this.send({ kind: 'start', settings });
  }

  /** Asks the training to wait after the step that it is at; a `paused` report follows. */
  pause(): void {
    this.send({ kind: 'pause' });
  }

  /** Lets a waiting training go on. */
  resume(): void {
    this.send({ kind: 'resume' });
  }

  /** Ends the training after the step that it is at; scores follow. */
  stop(): void {
    this.send({ kind: 'stop' });
  }

  /** Measures which kernels are fastest for the settings. */
  tune(settings: TrainSettings): void {
    if (this.used) this.replace();
    this.send({ kind: 'tune', settings });
  }

  /** Ends a measurement after the choice that it is at. */
  cancelTune(): void {
    this.send({ kind: 'cancelTune' });
  }

  /** Forgets what was measured on this adapter. */
  clearTuned(): void {
    if (this.used) this.replace();
    this.send({ kind: 'clearTuned' });
  }

  /** Ends the Worker at once, whatever it does, and gives its device back. */
  replace(): void {
    this.worker.terminate();
    this.worker = this.open();
  }
}
