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
 * The largest group size up to `wanted` that divides the batch and that every person has enough frames for.
 * @param identities [faces]
 */
export function feasibleGroupSize(identities: Int32Array, batch: number, wanted: number): number {
  const frames = new Map<number, number>();
  for (const identity of identities) frames.set(identity, (frames.get(identity) ?? 0) + 1);
  const fewest = Math.min(...frames.values());
  for (let size = Math.min(wanted, fewest); size > 1; size--) if (batch % size === 0) return size;
  return 1;
}

/**
 * Which faces each step sees: every epoch is a fresh order given by (seed, epoch), so step k has the same batch
 * however training got there. A batch holds `groupSize` frames of each of its people, person fastest: place
 * f * people + p is frame f of person p. Faces that fill no group or no batch wait for the next epoch.
 */
export class BatchOrder {
  private epoch = -1;
  private groups: number[][] = [];
  private readonly framesOf = new Map<number, number[]>();
  private readonly people: number;

  /**
   * @param identities [faces]
   * @param batch faces per step, a multiple of the group size
   * @param groupSize frames of one person in a batch; 1 mixes all faces freely
   */
  constructor(
    identities: Int32Array,
    private readonly batch: number,
    private readonly seed: number,
    private readonly groupSize = 1,
  ) {
    this.people = batch / groupSize;
    identities.forEach((identity, face) => {
      const frames = this.framesOf.get(identity);
      if (frames) frames.push(face);
      else this.framesOf.set(identity, [face]);
    });
  }

  /** Face numbers of a 0-based step, [batch]. */
  indices(step: number): Uint32Array<ArrayBuffer> {
    const { people, groupSize } = this;
    let groupCount = 0;
    for (const frames of this.framesOf.values()) groupCount += Math.floor(frames.length / groupSize);
    const perEpoch = Math.max(1, Math.floor(groupCount / people));
    this.useEpoch(Math.floor(step / perEpoch));
    const start = (step % perEpoch) * people;
    // A dataset smaller than a batch is repeated within it.
    return Uint32Array.from({ length: this.batch }, (_, place) => {
      const group = this.groups[(start + (place % people)) % this.groups.length];
      return group[Math.floor(place / people)];
    });
  }

  /**
   * The share of a step's batch that one of `count` micro-batches has: some of its people with all their frames, in the
   * order of a batch of its own.
   * @param count divides the batch's people
   */
  microBatch(step: number, index: number, count: number): Uint32Array<ArrayBuffer> {
    const whole = this.indices(step);
    const people = this.people / count;
    return Uint32Array.from({ length: this.batch / count }, (_, place) => whole[Math.floor(place / people) * this.people + index * people + (place % people)]);
  }

  private useEpoch(epoch: number): void {
    if (epoch === this.epoch) return;
    this.epoch = epoch;
    const random = new RandomStream(this.seed, ORDER_STREAM, epoch);
    this.groups = [];
    for (const frames of this.framesOf.values()) {
      const mixed = shuffle([...frames], random);
      for (let start = 0; start + this.groupSize <= mixed.length; start += this.groupSize) this.groups.push(mixed.slice(start, start + this.groupSize));
    }
    shuffle(this.groups, random);
  }
}
