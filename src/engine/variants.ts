/**
 * Choice between the variants of a kernel family. Kernel modules name the candidates and the one that their rule
 * picks; a user, a test or a tuner can force another one.
 */
import type { DispatchCommand } from './commands.js';
import { KernelError } from './errors.js';

/** Watches what an engine does, for verification and profiles. */
export interface EngineObserver {
  /** A kernel module has chosen among the candidates for one problem. */
  choice?(family: string, candidates: readonly string[], chosen: string): void;
  /**
   * A kernel is about to be launched (while a step is captured: written down). What the observer tells the engine in
   * here, such as `copy`, comes before the launch.
   */
  launch?(command: DispatchCommand): void;
}

/** Variants that are forced, by family. */
export class VariantChoices {
  private readonly forced: Map<string, string>;

  constructor(forced: Readonly<Record<string, string>> = {}) {
    this.forced = new Map(Object.entries(forced));
  }

  /** Forces a family's variant from now on; null gives the choice back to the rule. */
  force(family: string, variant: string | null): void {
    if (variant === null) this.forced.delete(family);
    else this.forced.set(family, variant);
  }

  /**
   * The forced variant, or else the rule's.
   * @throws {KernelError} when the forced variant is no candidate: falling back would pass off one kernel as another
   */
  choose<Variant extends string>(family: string, candidates: readonly Variant[], byRule: Variant): Variant {
    const forced = this.forced.get(family);
    if (forced === undefined) return byRule;
    const found = candidates.find((candidate) => candidate === forced);
    if (found !== undefined) return found;
    throw new KernelError(family, `variant ${forced} is forced, but this problem on this device takes only ${candidates.join(', ')}.`);
  }
}
