import { RandomStream } from '../data/faces/philox.js';

const ORDER_STREAM = 0xba7c;

/**
 * Which faces each step sees: every epoch is a fresh permutation given by (seed, epoch), so step k has the same
 * batch however training got there. The last faces of an epoch that fill no batch wait for the next one.
 */
export class BatchOrder {
  private epoch = -1;
  private order = new Uint32Array(0);

  constructor(
    private readonly count: number,
    private readonly batch: number,
    private readonly seed: number,
  ) {}

  /** Face numbers of a 0-based step, [batch]. */
  indices(step: number): Uint32Array<ArrayBuffer> {
    const perEpoch = Math.max(1, Math.floor(this.count / this.batch));
    this.useEpoch(Math.floor(step / perEpoch));
    const start = (step % perEpoch) * this.batch;
    // A dataset smaller than a batch is repeated within it.
    return Uint32Array.from({ length: this.batch }, (_, index) => this.order[(start + index) % this.count]);
  }

  private useEpoch(epoch: number): void {
    if (epoch === this.epoch) return;
    this.epoch = epoch;
    const random = new RandomStream(this.seed, ORDER_STREAM, epoch);
    this.order = Uint32Array.from({ length: this.count }, (_, index) => index);
    for (let last = this.count - 1; last > 0; last--) {
      const other = Math.floor(random.uniform() * (last + 1));
      [this.order[last], this.order[other]] = [this.order[other], this.order[last]];
    }
  }
}
