/** Variant ladders: every variant of a family that takes a case on this device, from the base variant up, in turns. */
import type { Engine } from '../../src/engine/index.js';
import { VARIANT_FAMILIES } from '../../src/kernels/variants.js';
import { watchChoices } from '../../src/verify/variants.js';
import type { Group } from '../harness/subject.js';
import { subjectOf, type OpCase, type Pass } from './case.js';

/** The variants of a family that a case can run in here, in the order of the list of families; none when it asks for none. */
function candidatesOf(engine: Engine, given: OpCase, pass: Pass, family: string): string[] {
  const { asked, stop } = watchChoices(engine);
  try {
    engine.scope(() => {
      const { step } = subjectOf(given, { section: 'ladder', pass }).capture(engine) as { step: { destroy(): void } };
      step.destroy();
    });
  } finally {
    stop();
  }
  const offered = asked.get(family)?.candidates ?? [];
  return Object.keys(VARIANT_FAMILIES[family].variants).filter((variant) => offered.includes(variant));
}

/** The ladder of a case. What there is to choose from is asked of the engine only when the group's turn comes. */
export function ladder(engine: Engine, given: OpCase, pass: Pass, family: string): Group[] {
  let found: string[] | null = null;
  const variants = (): string[] => (found ??= candidatesOf(engine, given, pass, family));
  return [
    {
      name: `Ladder of ${family}: ${given.op} ${given.shape}, ${pass}`,
      get subjects() {
        return variants().map((variant) => subjectOf(given, { section: 'ladder', pass, force: { [family]: variant } }));
      },
      get ratios() {
        const base = variants().indexOf(VARIANT_FAMILIES[family].base);
        return base < 0 ? [] : variants().flatMap((_, at) => (at === base ? [] : [[base, at] as const]));
      },
    },
  ];
}
