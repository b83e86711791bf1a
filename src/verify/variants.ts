/** Which kernel variants a case can run in: what its op asked the engine to choose from. */
import type { Engine } from '../engine/index.js';
import { VARIANT_FAMILIES } from '../kernels/variants.js';
import type { VerifyCase } from './types.js';

/** What the rules chose for a family in one case, and what all of its problems could take. */
interface Asked {
  readonly chosen: Set<string>;
  candidates: readonly string[];
}

/** Choices of a case by family. */
export type AskedFamilies = ReadonlyMap<string, Asked>;

/** Notes every choice that an engine makes until `stop` is called. */
export function watchChoices(engine: Engine): { asked: AskedFamilies; stop: () => void } {
  const asked = new Map<string, Asked>();
  const stop = engine.observe({
    choice(family, candidates, chosen) {
      const before = asked.get(family);
      if (!before) {
        asked.set(family, { chosen: new Set([chosen]), candidates });
        return;
      }
      before.chosen.add(chosen);
      before.candidates = before.candidates.filter((candidate) => candidates.includes(candidate));
    },
  });
  return { asked, stop };
}

/** A variant of a family in one case, besides what the rules chose. */
export interface OtherVariant {
  readonly family: string;
  readonly variant: string;
  /** 'not offered': the device lacks a feature. 'other shapes': the variant does not take all problems of this case. */
  readonly state: 'can run' | 'not offered' | 'other shapes';
  /** Why it cannot run. */
  readonly note: string;
}

/** Every variant of the families that a case varies, without those that its rules chose throughout. */
export function otherVariants(asked: AskedFamilies, { vary }: VerifyCase, features: GPUSupportedFeatures): OtherVariant[] {
  const others: OtherVariant[] = [];
  for (const [family, { chosen, candidates }] of asked) {
    if (vary && !vary.includes(family)) continue;
    const known = VARIANT_FAMILIES[family]?.variants ?? {};
    for (const variant of new Set([...Object.keys(known), ...candidates])) {
      if (chosen.size === 1 && chosen.has(variant)) continue;
      const missing = (known[variant] ?? []).filter((feature) => !features.has(feature));
      if (missing.length > 0) others.push({ family, variant, state: 'not offered', note: `needs ${missing.join(', ')}` });
      else if (!candidates.includes(variant)) others.push({ family, variant, state: 'other shapes', note: 'does not take these shapes' });
      else others.push({ family, variant, state: 'can run', note: '' });
    }
  }
  return others;
}

/** What the rules chose: "rule: items=few rows=lanes8+thread", or "rule" where there was nothing to choose. */
export function ruleLabel(asked: AskedFamilies): string {
  const parts = [...asked].map(([family, { chosen }]) => `${family}=${[...chosen].join('+')}`);
  return parts.length === 0 ? 'rule' : `rule: ${parts.join(' ')}`;
}
