/**
 * Choice between the variants of a kernel family. Kernel modules name the candidates, the problem and the variant that
 * their rule picks; what was measured to be faster on this device comes before the rule, and what a user, a test or the
 * tuner forces comes before both.
 */
import type { DispatchCommand } from './commands.js';
import { KernelError } from './errors.js';

/**
 * Measured winners: the variant of a family for a problem, or undefined where nothing was measured.
 * The same question must always get the same answer, or captured steps of one run would differ.
 */
export type TunedLookup = (family: string, problem: string) => string | undefined;

/** What a choice was about. */
export interface ChoiceContext {
  /** Sizes and flags that decide which variant is fastest, as in "m64 n128 k96 b1 tB"; empty where a family names none. */
  readonly problem: string;
  /** What the family's rule says. */
  readonly byRule: string;
}

/** Watches what an engine does, for verification and profiles. */
export interface EngineObserver {
  /** A kernel module has chosen among the candidates for one problem. */
  choice?(family: string, candidates: readonly string[], chosen: string, context: ChoiceContext): void;
  /**
   * A kernel is about to be launched (while a step is captured: written down). What the observer tells the engine in
   * here, such as `copy`, comes before the launch.
   */
  launch?(command: DispatchCommand): void;
}

/** Variants that are forced, by family, and those that were measured, by family and problem. */
export class VariantChoices {
  private readonly forced: Map<string, string>;

  constructor(
    forced: Readonly<Record<string, string>> = {},
    /** Measured winners; null leaves everything to the rules. */
    public tuned: TunedLookup | null = null,
  ) {
    this.forced = new Map(Object.entries(forced));
  }

  /** Forces a family's variant from now on; null gives the choice back to the rule. */
  force(family: string, variant: string | null): void {
    if (variant === null) this.forced.delete(family);
    else this.forced.set(family, variant);
  }

  /**
   * The forced variant, or else the measured one, or else the rule's. A measured variant that does not take the
   * problem (it may come from a run on another adapter) gives way to the rule: nobody asked for it by name.
   * @param problem what measured winners are looked up by; none are where it is empty
   * @throws {KernelError} when the forced variant is no candidate: falling back would pass off one kernel as another
   */
  choose<Variant extends string>(family: string, candidates: readonly Variant[], byRule: Variant, problem: string): Variant {
    const forced = this.forced.get(family);
    if (forced === undefined) {
      const measured = problem === '' ? undefined : this.tuned?.(family, problem);
      return candidates.find((candidate) => candidate === measured) ?? byRule;
    }
    const found = candidates.find((candidate) => candidate === forced);
    if (found !== undefined) return found;
    throw new KernelError(family, `variant ${forced} is forced, but this problem on this device takes only ${candidates.join(', ')}.`);
  }
}
