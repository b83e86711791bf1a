/** Variant ladders: every variant of a family that takes a case on this device, from the base variant up, in turns. */
import type { Engine } from '../../src/engine/index.js';
import { VARIANT_FAMILIES } from '../../src/kernels/variants.js';
import { watchChoices } from '../../src/verify/variants.js';
import type { Group, Prepared, Subject } from '../harness/subject.js';
import { subjectOf, type OpCase, type Pass } from './case.js';
import { plainSubject, type PlainCase } from './plain.js';

/** What a ladder is shown on. */
export interface Rung {
  readonly name: string;
  /** The row in which families are forced to variants. */
  subject(force: Readonly<Record<string, string>>): Subject;
}

/** One pass of a differentiable op. */
export function rungOf(given: OpCase, pass: Pass): Rung {
  return { name: `${given.op} ${given.shape}, ${pass}`, subject: (force) => subjectOf(given, { section: 'ladder', pass, force }) };
}

/** A kernel without a gradient of its own. */
export function plainRung(given: PlainCase): Rung {
  return { name: `${given.op} ${given.shape}`, subject: (force) => plainSubject(given, 'ladder', force) };
}

/** The variants of a family that a case can run in here, in the order of the list of families; none when it asks for none. */
function candidatesOf(engine: Engine, rung: Rung, family: string): string[] {
  const { asked, stop } = watchChoices(engine);
  try {
    engine.scope(() => {
      const { step } = rung.subject({}).capture(engine) as Prepared;
      step.destroy();
    });
  } finally {
    stop();
  }
  const offered = asked.get(family)?.candidates ?? [];
  return Object.keys(VARIANT_FAMILIES[family].variants).filter((variant) => offered.includes(variant));
}

/** The ladder of a family. What there is to choose from is asked of the engine only when the group's turn comes. */
export function ladder(engine: Engine, family: string, rung: Rung): Group {
  let found: string[] | null = null;
  const variants = (): string[] => (found ??= candidatesOf(engine, rung, family));
  return {
    name: `Ladder of ${family}: ${rung.name}`,
    get subjects() {
      return variants().map((variant) => rung.subject({ [family]: variant }));
    },
    get ratios() {
      const base = variants().indexOf(VARIANT_FAMILIES[family].base);
      return base < 0 ? [] : variants().flatMap((_, at) => (at === base ? [] : [[base, at] as const]));
    },
  };
}
