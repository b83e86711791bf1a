/** Which kernel variants a row runs, and the same row with stored choices in place of the rules. */
import type { Engine, TunedLookup } from '../../src/engine/index.js';
import type { Row } from './schema.js';
import type { Subject } from './subject.js';

/** What stands in a row's variant where nothing is forced, and what takes its place with stored choices. */
const RULES = 'rules';
const TUNED = 'tuned';

/** Choices made while a step was captured, each problem once, and what else there was to choose. */
export interface SeenChoices {
  readonly choices: Row['choices'];
  /** True when a stored choice that can run differs from what was chosen. */
  differs(tuned: TunedLookup): boolean;
}

/** Runs `capture` and notes what it chooses. */
export async function watchingChoices<T>(engine: Engine, capture: () => T | Promise<T>): Promise<{ readonly value: T; readonly seen: SeenChoices }> {
  const seen = new Map<string, { choice: Row['choices'][number]; candidates: readonly string[] }>();
  const stop = engine.observe({
    choice(family, candidates, variant, { problem, byRule }) {
      const key = `${family} ${problem}`;
      if (!seen.has(key)) seen.set(key, { choice: { family, problem, variant, rule: byRule }, candidates });
    },
  });
  try {
    const value = await capture();
    const all = [...seen.values()];
    const differs = (tuned: TunedLookup): boolean =>
      all.some(({ choice: { family, problem, variant }, candidates }) => {
        const stored = problem === '' ? undefined : tuned(family, problem);
        return stored !== undefined && stored !== variant && candidates.includes(stored);
      });
    return { value, seen: { choices: all.map(({ choice }) => choice), differs } };
  } finally {
    stop();
  }
}

/** True for rows that leave the choice to the rules. */
export function leavesChoices({ name: { implementation, variant } }: Subject): boolean {
  return implementation === 'zygo' && variant.endsWith(RULES);
}

/** The subject with stored choices in force while it is captured. */
export function withTuned(subject: Subject, tuned: TunedLookup): Subject {
  return {
    ...subject,
    name: { ...subject.name, variant: subject.name.variant.replace(RULES, TUNED) },
    async capture(engine) {
      engine.useTuned(tuned);
      try {
        return await subject.capture(engine);
      } finally {
        engine.useTuned(null);
      }
    },
  };
}
