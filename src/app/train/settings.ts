/** What a run of the Train page does: read from the address, changed by the form, checked before it starts. */
import { InputError } from '../../engine/errors.js';
import { PRECISIONS, type Precision } from '../../model/precision.js';
import { PRESETS, presetNamed, type Budget } from '../../model/presets.js';

/** The preset whose budgets the page offers by name. */
export const DEFAULT_PRESET = 'tiny';

/** Which of a preset's two budgets: for a first look, or for its best result. */
export type BudgetName = 'demo' | 'full';

/** The numbers that can be changed on their own, besides the budget that they come from. */
export type Amounts = Pick<Budget, 'faces' | 'identities' | 'testFaces' | 'testIdentities' | 'batch' | 'steps'>;

/** A run, complete. */
export interface TrainSettings extends Amounts {
  readonly preset: string;
  readonly seed: number;
  readonly precision: Precision;
}

/** A whole number that a field takes. */
interface Range {
  readonly name: string;
  readonly least: number;
  readonly most: number;
}

/** Limits that keep a run within what a browser tab can hold. */
export const RANGES: Readonly<Record<keyof Amounts | 'seed', Range>> = {
  seed: { name: 'Seed', least: 0, most: 0xffffffff },
  steps: { name: 'Steps', least: 1, most: 1_000_000 },
  faces: { name: 'Training faces', least: 16, most: 40_000 },
  identities: { name: 'People in training', least: 2, most: 40_000 },
  testFaces: { name: 'Test faces', least: 16, most: 10_000 },
  testIdentities: { name: 'People in the test', least: 2, most: 10_000 },
  batch: { name: 'Faces per step', least: 2, most: 256 },
};

/** The numbers of a preset's budget. */
export function amountsOf(preset: string, budget: BudgetName): Amounts {
  const { faces, identities, testFaces, testIdentities, batch, steps } = presetNamed(preset)[budget];
  return { faces, identities, testFaces, testIdentities, batch, steps };
}

/**
 * People follow faces where only the faces were chosen: as many faces of each as in the budget.
 * @param chosen numbers that replace the budget's
 */
export function withChosen(budget: Amounts, chosen: Partial<Amounts>): Amounts {
  const share = (faces: number, ofFaces: number, ofPeople: number) => Math.max(2, Math.round((faces * ofPeople) / ofFaces));
  const { faces = budget.faces, testFaces = budget.testFaces } = chosen;
  return {
    ...budget,
    identities: share(faces, budget.faces, budget.identities),
    testIdentities: share(testFaces, budget.testFaces, budget.testIdentities),
    ...chosen,
  };
}

/** @throws {InputError} naming the first number that is out of its range, or people without a face. */
export function checkSettings(settings: TrainSettings): TrainSettings {
  presetNamed(settings.preset);
  for (const [key, { name, least, most }] of Object.entries(RANGES)) {
    const value = settings[key as keyof Amounts | 'seed'];
    if (!Number.isInteger(value) || value < least || value > most) {
      throw new InputError(`${name} is ${Number.isNaN(value) ? 'no number' : value}: expected a whole number from ${least} to ${most}.`);
    }
  }
  const { faces, identities, testFaces, testIdentities } = settings;
  if (identities > faces) throw new InputError(`${identities} people cannot show in ${faces} training faces: expected at least one face each.`);
  if (testIdentities > testFaces) throw new InputError(`${testIdentities} people cannot show in ${testFaces} test faces: expected at least one face each.`);
  return settings;
}

/** What an address asks for. */
export interface AddressSettings {
  readonly preset: string;
  readonly budget: BudgetName;
  readonly seed: number;
  readonly precision: Precision;
  /** Numbers given one by one. */
  readonly chosen: Partial<Amounts>;
}

/**
 * Reads `?preset=tiny&budget=demo&seed=1&precision=f32&steps=..&faces=..&identities=..&testFaces=..&testIdentities=..&batch=..`;
 * everything may be left out. A number that is none becomes NaN, which {@link checkSettings} names.
 */
export function settingsFromAddress(query: URLSearchParams): AddressSettings {
  const asked = query.get('preset') ?? DEFAULT_PRESET;
  const chosen: Partial<Record<keyof Amounts, number>> = {};
  const number = (text: string) => (text.trim() === '' ? NaN : Number(text));
  for (const key of Object.keys(amountsOf(DEFAULT_PRESET, 'demo')) as (keyof Amounts)[]) {
    const text = query.get(key);
    if (text !== null) chosen[key] = number(text);
  }
  return {
    preset: Object.hasOwn(PRESETS, asked) ? asked : DEFAULT_PRESET,
    budget: query.get('budget') === 'full' ? 'full' : 'demo',
    seed: number(query.get('seed') ?? '1'),
    precision: PRECISIONS.find((known) => known === query.get('precision')) ?? 'f32',
    chosen,
  };
}
