/**
 * Static memory plan of a captured step: where each storage lies in a few buffers (slots), so that storages which are
 * alive at the same time do not overlap. A slot may hold several of them side by side, but WebGPU tracks usage per buffer:
 * a command may not read one part of a buffer and write another, so storages that meet in such a command are kept apart.
 */
import { STORAGE_ALIGNMENT } from './tensor.js';

/** A storage that needs a place: its size, and from which command of the step to which it is in use, both included. */
export interface Lifetime {
  /** Size as asked for; the plan rounds it up to a multiple of 256. */
  readonly byteLength: number;
  /** Index of the first and of the last command that touches the storage. */
  readonly first: number;
  readonly last: number;
  /** Places, in the list of lifetimes, of the storages that may not lie in the same buffer at the same time; none when left out. */
  readonly apart?: ReadonlySet<number>;
}

/** Where every storage of a captured step lies; made by {@link planMemory}. All sizes are in bytes. */
export interface MemoryPlan {
  /** Size in bytes of each slot, a multiple of 256. */
  readonly slots: readonly number[];
  /** The slot of each storage, in the order given, and where in it the storage begins, at a multiple of 256 bytes. */
  readonly assignment: readonly number[];
  readonly offsets: readonly number[];
  /** Bytes of all slots together: what the step allocates. */
  readonly peakBytes: number;
  /** Largest number of bytes alive at one command: no plan can do with less. */
  readonly lowerBoundBytes: number;
}

interface Placed {
  readonly index: number;
  readonly lifetime: Lifetime;
  readonly start: number;
  readonly end: number;
}

interface Slot {
  readonly byteLength: number;
  readonly users: Placed[];
}

function aligned(byteLength: number): number {
  return Math.max(1, Math.ceil(byteLength / STORAGE_ALIGNMENT)) * STORAGE_ALIGNMENT;
}

/** The smallest gap of a slot that takes the storage while it lives, or null. */
function gapIn(slot: Slot, { byteLength, first, last, apart }: Lifetime): { start: number; length: number } | null {
  if (slot.byteLength < byteLength) return null;
  const meanwhile = slot.users.filter(({ lifetime }) => lifetime.last >= first && last >= lifetime.first);
  if (meanwhile.some(({ index }) => apart?.has(index))) return null;
  meanwhile.sort((a, b) => a.start - b.start);
  let best: { start: number; length: number } | null = null;
  let end = 0;
  const offer = (until: number) => {
    const length = until - end;
    if (length >= byteLength && (!best || length < best.length)) best = { start: end, length };
  };
  for (const user of meanwhile) {
    offer(user.start);
    end = Math.max(end, user.end);
  }
  offer(slot.byteLength);
  return best;
}

/** Places storages in the given order, each in the smallest gap there is, or in a new slot of its size. */
function place(lifetimes: readonly Lifetime[], order: readonly number[]): Pick<MemoryPlan, 'slots' | 'assignment' | 'offsets' | 'peakBytes'> {
  const slots: Slot[] = [];
  const assignment = new Array<number>(lifetimes.length).fill(-1);
  const offsets = new Array<number>(lifetimes.length).fill(0);
  for (const index of order) {
    const lifetime = { ...lifetimes[index], byteLength: aligned(lifetimes[index].byteLength) };
    let chosen = -1;
    let start = 0;
    let smallest = Infinity;
    slots.forEach((slot, candidate) => {
      const gap = gapIn(slot, lifetime);
      if (!gap || gap.length >= smallest) return;
      [chosen, start, smallest] = [candidate, gap.start, gap.length];
    });
    if (chosen < 0) chosen = slots.push({ byteLength: lifetime.byteLength, users: [] }) - 1;
    slots[chosen].users.push({ index, lifetime, start, end: start + lifetime.byteLength });
    assignment[index] = chosen;
    offsets[index] = start;
  }
  const sizes = slots.map((slot) => slot.byteLength);
  return { slots: sizes, assignment, offsets, peakBytes: sizes.reduce((sum, size) => sum + size, 0) };
}

/** Largest number of bytes alive at one command. */
function largestLiveSet(lifetimes: readonly Lifetime[]): number {
  const change = new Map<number, number>();
  for (const { first, last, byteLength } of lifetimes) {
    change.set(first, (change.get(first) ?? 0) + aligned(byteLength));
    change.set(last + 1, (change.get(last + 1) ?? 0) - aligned(byteLength));
  }
  let alive = 0;
  let largest = 0;
  for (const [, bytes] of [...change].sort(([a], [b]) => a - b)) {
    alive += bytes;
    largest = Math.max(largest, alive);
  }
  return largest;
}

/**
 * Greedy (after Pisarchyk and Lee 2020, "Efficient memory management for deep neural net inference"): the largest storages
 * choose first, or those that take most room for longest; whichever order needs less memory is taken.
 */
export function planMemory(lifetimes: readonly Lifetime[]): MemoryPlan {
  const ordered = (weight: (lifetime: Lifetime) => number) =>
    lifetimes.map((_, index) => index).sort((a, b) => weight(lifetimes[b]) - weight(lifetimes[a]) || a - b);
  const orders = [
    ordered(({ byteLength }) => byteLength),
    // Within a size the long-lived ones first: the short-lived ones fit around them.
    lifetimes.map((_, index) => index).sort((a, b) => lifetimes[b].byteLength - lifetimes[a].byteLength || lifetimes[b].last - lifetimes[b].first - lifetimes[a].last + lifetimes[a].first || a - b),
    ordered(({ byteLength, first, last }) => byteLength * (last - first + 1)),
  ];
  const plans = orders.map((order) => place(lifetimes, order));
  const best = plans.reduce((least, plan) => (plan.peakBytes < least.peakBytes ? plan : least));
  return { ...best, lowerBoundBytes: largestLiveSet(lifetimes) };
}
