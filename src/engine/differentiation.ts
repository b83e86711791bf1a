/** Which tape operations go on, if any, and what is computed again in the backward pass. */
import { tensorsIn } from './scopes.js';
import type { Tape } from './tape.js';

/** The tape of one engine. */
export class Differentiation {
  private current: Tape | null = null;
  private recomputations = 0;

  /** The tape that is being recorded; null when nothing is differentiated. */
  get tape(): Tape | null {
    return this.current;
  }

  /** True while a checkpointed part runs again. */
  get recomputing(): boolean {
    return this.recomputations > 0;
  }

  /** What `Engine.checkpoint` does. */
  checkpoint<T>(body: () => T): T {
    const tape = this.current;
    if (!tape) return body();
    const result = this.under(tape.part(false), body);
    tape.recordSegment(tensorsIn(result), (again) => {
      this.recomputations += 1;
      try {
        return tensorsIn(this.under(again, body));
      } finally {
        this.recomputations -= 1;
      }
    });
    return result;
  }

  /** Runs `body` under the given tape, or under none. */
  under<T>(tape: Tape | null, body: () => T): T {
    const before = this.current;
    this.current = tape;
    try {
      return body();
    } finally {
      this.current = before;
    }
  }
}
