/** Pause and stop of a run: orders come in from the page, the training loop asks between two steps. */
export class Control {
  private readonly stopper = new AbortController();
  private resumed: { promise: Promise<void>; resolve: () => void } | null = null;

  /** Aborted by {@link stop}. */
  get signal(): AbortSignal {
    return this.stopper.signal;
  }

  /** Whether the training waits, or will after its present step, until {@link resume} or {@link stop}. */
  get paused(): boolean {
    return this.resumed !== null;
  }

  /** Asks the training to wait after the step that it is at. */
  pause(): void {
    if (this.resumed || this.signal.aborted) return;
    let resolve = () => {};
    const promise = new Promise<void>((done) => (resolve = done));
    this.resumed = { promise, resolve };
  }

  /** Lets a waiting training go on. */
  resume(): void {
    this.resumed?.resolve();
    this.resumed = null;
  }

  /** Ends the training between two steps, waiting or not. */
  stop(): void {
    this.stopper.abort();
    this.resume();
  }

  /** Resolves when the training may go on; at once when it is not paused. */
  untilResumed(): Promise<void> {
    return this.resumed?.promise ?? Promise.resolve();
  }
}
