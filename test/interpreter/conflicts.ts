/** Which words of memory are touched by whom, and where two of them would race. */

/** An access to one word that conflicts with an earlier one. */
export interface Conflict {
  readonly buffer: string;
  readonly word: number;
  /** Source lines of the earlier and of the later access. */
  readonly lines: readonly [number, number];
}

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
  private words = new Map<string, Map<number, Word>>();

  constructor(private readonly onConflict: (conflict: Conflict) => void) {}

  /** Notes an access of `size` bytes at `offset`. */
  note(buffer: string, offset: number, size: number, write: boolean, user: number, line: number): void {
    let words = this.words.get(buffer);
    if (!words) this.words.set(buffer, (words = new Map<number, Word>()));
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

  /** A barrier: what comes is ordered after what was. */
  end(): void {
    this.words = new Map();
  }
}
