import { RandomStream } from '../data/faces/philox.js';

const ORDER_STREAM = 0xba7c;

function shuffle<T>(items: T[], random: RandomStream): T[] {
  for (let last = items.length - 1; last > 0; last--) {
    const other = Math.floor(random.uniform() * (last + 1));
    [items[last], items[other]] = [items[other], items[last]];
  }
  return items;
}

/**
 * Which faces each step sees: every epoch is a fresh order given by (seed, epoch), so step k has the same batch
 * however training got there. Frames of one person can be kept together in groups: among them the person tells
 * nothing, and a contrast has to look at the expression. The last faces of an epoch that fill no batch wait for
 * the next one.
 */
export class BatchOrder {
  private epoch = -1;
  private order: number[] = [];
  private readonly framesOf = new Map<number, number[]>();

  /**
   * @param identities [faces]
   * @param batch faces per step
   * @param groupSize frames of one person that stay together; 1 mixes all faces freely
   */
  constructor(
    private readonly identities: Int32Array,
    private readonly batch: number,
    private readonly seed: number,
    private readonly groupSize = 1,
  ) {
    identities.forEach((identity, face) => {
      const frames = this.framesOf.get(identity);
      if (frames) frames.push(face);
      else this.framesOf.set(identity, [face]);
    });
  }

  /** Face numbers of a 0-based step, [batch]. */
  indices(step: number): Uint32Array<ArrayBuffer> {
    const count = this.identities.length;
    const perEpoch = Math.max(1, Math.floor(count / this.batch));
    this.useEpoch(Math.floor(step / perEpoch));
    const start = (step % perEpoch) * this.batch;
    // A dataset smaller than a batch is repeated within it.
    return Uint32Array.from({ length: this.batch }, (_, index) => this.order[(start + index) % count]);
  }

  private useEpoch(epoch: number): void {
    if (epoch === this.epoch) return;
    this.epoch = epoch;
    const random = new RandomStream(this.seed, ORDER_STREAM, epoch);
    const groups: number[][] = [];
    for (const frames of this.framesOf.values()) {
      const mixed = shuffle([...frames], random);
      for (let start = 0; start < mixed.length; start += this.groupSize) groups.push(mixed.slice(start, start + this.groupSize));
    }
    this.order = shuffle(groups, random).flat();
  }
}
