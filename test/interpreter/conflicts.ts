/** Which words of memory are touched by whom, and where two of them would race. */

/** An access to one word that conflicts with an earlier one. */
export interface Conflict {
  readonly buffer: string;
  readonly word: number;
  /** Source lines of the earlier and of the later access. */
  readonly lines: readonly [number, number];
}

/** Address spaces that a barrier may order. */
export type Space = 'workgroup' | 'storage';

/** Who has touched a word in this phase: a writer, and up to two different readers, which is all that matters. */
interface Word {
  writer: number;
  writerLine: number;
  reader: number;
  otherReader: number;
  readerLine: number;
}

const NOBODY = -1;

/**
 * The accesses of one phase, in which those of different users (invocations, or workgroups) are not ordered. Two users
 * conflict on a word that both touch and one of them writes: the rule of wgsl_reflect's MemoryTracker, which compares
 * all pairs of accesses; this asks the word instead.
 */
export class Phase {
  private readonly spaces: Readonly<Record<Space, Map<string, Map<number, Word>>>> = { workgroup: new Map(), storage: new Map() };

  /** @param spaceOf the address space of a variable, by its name */
  constructor(
    private readonly spaceOf: (buffer: string) => Space,
    private readonly onConflict: (conflict: Conflict) => void,
  ) {}

  /** Notes an access of `size` bytes at `offset`. */
  note(buffer: string, offset: number, size: number, write: boolean, user: number, line: number): void {
    const space = this.spaces[this.spaceOf(buffer)];
    let words = space.get(buffer);
    if (!words) space.set(buffer, (words = new Map<number, Word>()));
    for (let at = offset >> 2; at < (offset + size) >> 2; at++) {
      let word = words.get(at);
      if (!word) words.set(at, (word = { writer: NOBODY, writerLine: 0, reader: NOBODY, otherReader: NOBODY, readerLine: 0 }));
      if (word.writer !== NOBODY && word.writer !== user) this.onConflict({ buffer, word: at, lines: [word.writerLine, line] });
      else if (write && ((word.reader !== NOBODY && word.reader !== user) || word.otherReader !== NOBODY)) {
        this.onConflict({ buffer, word: at, lines: [word.readerLine, line] });
      }
      if (write) {
        word.writer = user;
        word.writerLine = line;
      } else if (word.reader === NOBODY) {
        word.reader = user;
        word.readerLine = line;
      } else if (word.reader !== user) word.otherReader = user;
    }
  }

  /**
   * A barrier. All invocations have come this far, so that whatever was read before has been read; but what was written
   * before is only seen after it in the address space that the barrier is for (WGSL, "Synchronization Built-in
   * Functions"): the other's writes stay unordered.
   */
  barrier(ordered: Space): void {
    this.spaces[ordered].clear();
    for (const words of this.spaces[ordered === 'storage' ? 'workgroup' : 'storage'].values()) {
      for (const [at, word] of words) {
        if (word.writer === NOBODY) words.delete(at);
        else word.reader = word.otherReader = NOBODY;
      }
    }
  }
}
