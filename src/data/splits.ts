/**
 * Divides faces into training and test so that no person is in both, and picks few-label subsets.
 * Everything is decided by a seed, so that the same seed gives the same faces everywhere.
 */
import { InputError } from '../engine/errors.js';

/** Face indices into a dataset, ascending; training and test share no identity. */
export interface Split {
  /** Which division it is, in words, for reports. */
  readonly name: string;
  readonly train: Int32Array;
  readonly test: Int32Array;
}

/**
 * Pseudo-random numbers in [0, 1) from a 32-bit seed (mulberry32, Tommy Ettinger, public domain): small,
 * the same in every JavaScript engine, and good enough to shuffle; the engine's Philox lives on the GPU.
 */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** A shuffled copy of `values` (Fisher and Yates), decided by `random`. */
export function shuffled<T>(values: readonly T[], random: () => number): T[] {
  const result = [...values];
  for (let last = result.length - 1; last > 0; last--) {
    const other = Math.floor(random() * (last + 1));
    [result[last], result[other]] = [result[other], result[last]];
  }
  return result;
}

/** Faces of each identity: identity number to face indices, identities ascending. */
function facesByIdentity(identities: Int32Array): Map<number, number[]> {
  const faces = new Map<number, number[]>();
  identities.forEach((identity, face) => {
    const list = faces.get(identity);
    if (list) list.push(face);
    else faces.set(identity, [face]);
  });
  return new Map([...faces].sort(([a], [b]) => a - b));
}

/**
 * A group number in 0..groups−1 for each face, the same for all faces of an identity. Identities are
 * shuffled by the seed and go, one by one, to the group that has the fewest faces so far.
 * @param identities [faces]
 * @throws {InputError} when there are fewer identities than groups
 */
export function groupByIdentity(identities: Int32Array, groups: number, seed: number): Int32Array {
  const faces = facesByIdentity(identities);
  if (!Number.isInteger(groups) || groups < 1 || faces.size < groups) {
    throw new InputError(
      `The faces show ${faces.size} different ${faces.size === 1 ? 'identity' : 'identities'}, which cannot be divided ` +
        `into ${groups} groups without a person in two of them: expected at least ${groups} identities.`,
    );
  }
  const sizes = new Array<number>(groups).fill(0);
  const group = new Int32Array(identities.length);
  shuffled([...faces.keys()], seededRandom(seed)).forEach((identity, position) => {
    // The first identities open one group each, so that none stays empty.
    const target = position < groups ? position : sizes.indexOf(Math.min(...sizes));
    const members = faces.get(identity) ?? [];
    sizes[target] += members.length;
    for (const face of members) group[face] = target;
  });
  return group;
}

/** The split that tests the faces for which `isTest` holds and trains on all others. */
export function splitWhere(name: string, count: number, isTest: (face: number) => boolean): Split {
  const train: number[] = [];
  const test: number[] = [];
  for (let face = 0; face < count; face++) (isTest(face) ? test : train).push(face);
  return { name, train: Int32Array.from(train), test: Int32Array.from(test) };
}

/**
 * Subject-exclusive cross-validation: `folds` splits, each face tested exactly once.
 * @throws {InputError} when there are fewer identities than folds, or fewer than 2 folds
 */
export function identityFolds(identities: Int32Array, folds: number, seed: number): Split[] {
  if (!(folds >= 2)) throw new InputError(`${folds} folds were asked for: expected at least 2.`);
  const group = groupByIdentity(identities, folds, seed);
  return Array.from({ length: folds }, (_, fold) =>
    splitWhere(`fold ${fold + 1} of ${folds} (seed ${seed})`, identities.length, (face) => group[face] === fold),
  );
}

/**
 * One subject-exclusive division; about `testFraction` of the identities (at least one, and never all) are tested.
 * @throws {InputError} when the fraction is outside 0..1 or there are fewer than 2 identities
 */
export function splitByIdentity(identities: Int32Array, testFraction: number, seed: number): Split {
  if (!(testFraction > 0 && testFraction < 1)) {
    throw new InputError(`The test fraction is ${testFraction}: expected a number between 0 and 1, such as 0.2.`);
  }
  const people = [...facesByIdentity(identities).keys()];
  if (people.length < 2) {
    throw new InputError(
      `The faces show ${people.length} different identities: expected at least 2, one to train on and one to test.`,
    );
  }
  const testCount = Math.min(people.length - 1, Math.max(1, Math.round(testFraction * people.length)));
  const tested = new Set(shuffled(people, seededRandom(seed)).slice(0, testCount));
  return splitWhere(
    `${testCount} of ${people.length} identities tested (seed ${seed})`,
    identities.length,
    (face) => tested.has(identities[face]),
  );
}

/** How {@link fewLabels} picks the faces that keep their labels. */
export interface FewLabelOptions {
  /** Share of the faces that keep their labels, above 0 and up to 1 (0.1 for ten per cent). */
  readonly fraction: number;
  /**
   * 'per-identity': every identity gives its share, those with most left over first, so that all people are seen;
   * 'random': any faces, as if labelled by chance.
   */
  readonly strategy: 'per-identity' | 'random';
  readonly seed: number;
}

/**
 * The faces of `candidates` that keep their labels, ascending: max(1, round(fraction · candidates)) of them.
 * @param candidates face indices to choose from (the training side of a split)
 * @param identities [faces of the whole dataset]
 * @throws {InputError} when the fraction is outside 0..1 or there are no candidates
 */
export function fewLabels(candidates: Int32Array, identities: Int32Array, options: FewLabelOptions): Int32Array {
  const { fraction, strategy, seed } = options;
  if (!(fraction > 0 && fraction <= 1)) {
    throw new InputError(`The fraction of labels is ${fraction}: expected a number above 0 and at most 1, such as 0.1.`);
  }
  if (candidates.length === 0) throw new InputError('Few labels were to be chosen from no faces: expected at least one.');
  const random = seededRandom(seed);
  const wanted = Math.max(1, Math.round(fraction * candidates.length));
  if (strategy === 'random') return Int32Array.from(shuffled([...candidates], random).slice(0, wanted)).sort();

  const people = [...facesByIdentity(Int32Array.from(candidates, (face) => identities[face])).values()];
  // Largest remainders: whole shares first, then one more for those whose share was cut most; ties fall to the shuffle.
  const shares = shuffled(people, random).map((positions) => {
    const exact = (positions.length * wanted) / candidates.length;
    return { faces: shuffled(positions, random), take: Math.floor(exact), remainder: exact - Math.floor(exact) };
  });
  let missing = wanted - shares.reduce((sum, share) => sum + share.take, 0);
  for (const share of [...shares].sort((a, b) => b.remainder - a.remainder)) {
    if (missing === 0) break;
    share.take++;
    missing--;
  }
  return Int32Array.from(shares.flatMap(({ faces, take }) => faces.slice(0, take).map((p) => candidates[p]))).sort();
}

/** The three published subject groups of each benchmark (the same in ME-GraphAU, MDHR, AUNCE and FMAE). */
export const PUBLISHED_PARTS = {
  BP4D: {
    P1: 'F001 M007 F018 F008 F002 M004 F010 F009 M012 M001 F016 M014 F023 M008'.split(' '),
    P2: 'M011 F003 M010 M002 F005 F022 M018 M017 F013 M016 F020 F011 M013 M005'.split(' '),
    P3: 'F007 F015 F006 F019 M006 M009 F012 M003 F004 F021 F017 M015 F014'.split(' '),
  },
  DISFA: {
    P1: 'SN002 SN010 SN001 SN026 SN027 SN032 SN030 SN009 SN016'.split(' '),
    P2: 'SN013 SN018 SN011 SN028 SN012 SN006 SN031 SN021 SN024'.split(' '),
    P3: 'SN003 SN029 SN023 SN025 SN008 SN005 SN007 SN017 SN004'.split(' '),
  },
} as const satisfies Record<string, Record<'P1' | 'P2' | 'P3', readonly string[]>>;

/** A data set whose subject groups are published. */
export type Benchmark = keyof typeof PUBLISHED_PARTS;

/** Which part a paper's fold 1, 2 and 3 tests: the groups agree between papers, their numbering does not. */
export const FOLD_NUMBERING = {
  'ME-GraphAU': ['P3', 'P2', 'P1'],
  AUNCE: ['P1', 'P2', 'P3'],
} as const;

/**
 * The published 3-fold subject-exclusive splits of BP4D or DISFA, named by part and by numbering
 * ("DISFA fold 1 in the numbering of ME-GraphAU, tests P3").
 * @param identities [faces], numbers into identityNames
 * @param identityNames subject names as the benchmark writes them (F001, SN002); upper or lower case
 * @throws {InputError} when a subject is in none of the published groups, or a fold would have no test face
 */
export function publishedFolds(
  benchmark: Benchmark,
  numbering: keyof typeof FOLD_NUMBERING,
  identities: Int32Array,
  identityNames: readonly string[],
): Split[] {
  const partOf = new Map<string, string>();
  for (const [part, subjects] of Object.entries(PUBLISHED_PARTS[benchmark])) {
    for (const subject of subjects) partOf.set(subject, part);
  }
  const parts = Array.from(identities, (identity) => {
    const part = partOf.get((identityNames[identity] ?? '').toUpperCase());
    if (part) return part;
    throw new InputError(
      `Identity "${identityNames[identity]}" is in none of the published ${benchmark} folds: ` +
        `expected one of its ${partOf.size} subjects, such as ${PUBLISHED_PARTS[benchmark].P1[0]}.`,
    );
  });
  return FOLD_NUMBERING[numbering].map((tested, index) => {
    const name = `${benchmark} fold ${index + 1} in the numbering of ${numbering}, tests ${tested}`;
    const split = splitWhere(name, identities.length, (face) => parts[face] === tested);
    if (split.test.length > 0 && split.train.length > 0) return split;
    throw new InputError(`${name}: the dataset has no face of ${split.test.length === 0 ? 'that part' : 'the other parts'}.`);
  });
}
