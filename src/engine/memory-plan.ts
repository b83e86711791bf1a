/**
 * Static memory plan of a captured step: which storages may share one buffer because they are never alive
 * at the same time. A slot is a whole GPUBuffer, not a range of one: WebGPU tracks usage per buffer, so a
 * launch may not read one part of a buffer and write another.
 */

export interface Lifetime {
  readonly byteLength: number;
  /** Index of the first and of the last command that touches the storage. */
  readonly first: number;
  readonly last: number;
}

export interface MemoryPlan {
  /** Size in bytes of each slot. */
  readonly slots: readonly number[];
  /** The slot of each storage, in the order given. */
  readonly assignment: readonly number[];
  /** Bytes of all slots together: what the step allocates. */
  readonly peakBytes: number;
  /** Largest number of bytes alive at one command: no plan can do with less. */
  readonly lowerBoundBytes: number;
}

/**
 * Greedy by size: the largest storages choose first, each takes the smallest free slot that is large enough
 * (Pisarchyk and Lee 2020, "Efficient memory management for deep neural net inference", shared objects).
 */
export function planMemory(lifetimes: readonly Lifetime[]): MemoryPlan {
  const order = lifetimes.map((_, index) => index).sort((a, b) => lifetimes[b].byteLength - lifetimes[a].byteLength || a - b);
  const slots: { byteLength: number; users: Lifetime[] }[] = [];
  const assignment = new Array<number>(lifetimes.length).fill(-1);
  for (const index of order) {
    const storage = lifetimes[index];
    let best = -1;
    slots.forEach((slot, candidate) => {
      const free = slot.users.every((user) => user.last < storage.first || storage.last < user.first);
      if (free && (best < 0 || slot.byteLength < slots[best].byteLength)) best = candidate;
    });
    if (best < 0) best = slots.push({ byteLength: storage.byteLength, users: [] }) - 1;
    slots[best].users.push(storage);
    assignment[index] = best;
  }
  const change = new Map<number, number>();
  for (const { first, last, byteLength } of lifetimes) {
    change.set(first, (change.get(first) ?? 0) + byteLength);
    change.set(last + 1, (change.get(last + 1) ?? 0) - byteLength);
  }
  let alive = 0;
  let lowerBoundBytes = 0;
  for (const [, bytes] of [...change].sort(([a], [b]) => a - b)) {
    alive += bytes;
    lowerBoundBytes = Math.max(lowerBoundBytes, alive);
  }
  return {
    slots: slots.map((slot) => slot.byteLength),
    assignment,
    peakBytes: slots.reduce((sum, slot) => sum + slot.byteLength, 0),
    lowerBoundBytes,
  };
}
