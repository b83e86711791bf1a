import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  FOLD_NUMBERING,
  PUBLISHED_PARTS,
  fewLabels,
  groupByIdentity,
  identityFolds,
  publishedFolds,
  splitByIdentity,
  type Benchmark,
  type Split,
} from '../src/data/splits.js';

/** 40 identities with 1 to 12 faces each. */
const identities = Int32Array.from(Array.from({ length: 40 }, (_, p) => Array(1 + ((p * 7) % 12)).fill(p + 3)).flat());

function assertExclusive(split: Split, of: Int32Array): void {
  const train = new Set(Array.from(split.train, (face) => of[face]));
  for (const face of split.test) assert.ok(!train.has(of[face]), `identity ${of[face]} is on both sides`);
  assert.equal(split.train.length + split.test.length, of.length);
  assert.equal(new Set([...split.train, ...split.test]).size, of.length);
}

test('folds share no identity, test each face once and are balanced', () => {
  const folds = identityFolds(identities, 5, 1);
  for (const fold of folds) assertExclusive(fold, identities);
  assert.deepEqual(
    folds.flatMap((fold) => [...fold.test]).sort((a, b) => a - b),
    [...identities.keys()],
  );
  for (const fold of folds) assert.ok(Math.abs(fold.test.length - identities.length / 5) <= 12);
});

test('any dataset with enough identities divides without a shared person', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(30), { minLength: 2, maxLength: 200 }), fc.integer(), (list, seed) => {
      const people = Int32Array.from(list);
      fc.pre(new Set(list).size >= 2);
      const split = splitByIdentity(people, 0.3, seed);
      assertExclusive(split, people);
      assert.ok(split.train.length > 0 && split.test.length > 0);
      const group = groupByIdentity(people, 2, seed);
      assert.deepEqual(new Set(group), new Set([0, 1]));
    }),
  );
});

test('the seed decides', () => {
  assert.deepEqual(splitByIdentity(identities, 0.25, 7), splitByIdentity(identities, 0.25, 7));
  assert.notDeepEqual(splitByIdentity(identities, 0.25, 7).test, splitByIdentity(identities, 0.25, 8).test);
  assert.deepEqual(new Set(Array.from(splitByIdentity(identities, 0.25, 7).test, (f) => identities[f])).size, 10);
});

test('too few identities are refused in words', () => {
  assert.throws(() => identityFolds(Int32Array.of(1, 1, 2), 3, 1), /2 different identities.*at least 3/);
  assert.throws(() => splitByIdentity(Int32Array.of(4, 4), 0.2, 1), /at least 2/);
  assert.throws(() => splitByIdentity(identities, 1, 1), /between 0 and 1/);
});

test('few labels: right number, from the candidates only, every identity gives its share', () => {
  const { train } = splitByIdentity(identities, 0.25, 1);
  for (const strategy of ['per-identity', 'random'] as const) {
    const few = fewLabels(train, identities, { fraction: 0.5, strategy, seed: 3 });
    assert.equal(few.length, Math.round(train.length * 0.5));
    assert.equal(new Set(few).size, few.length);
    assert.ok(few.every((face) => train.includes(face)));
    assert.deepEqual(few, fewLabels(train, identities, { fraction: 0.5, strategy, seed: 3 }));
    assert.notDeepEqual(few, fewLabels(train, identities, { fraction: 0.5, strategy, seed: 4 }));
    if (strategy === 'random') continue;
    for (const identity of new Set(Array.from(train, (face) => identities[face]))) {
      const own = train.filter((face) => identities[face] === identity).length;
      const kept = few.filter((face) => identities[face] === identity).length;
      assert.ok(Math.abs(kept - own / 2) < 1, `identity ${identity} keeps ${kept} of ${own}`);
    }
  }
  assert.equal(fewLabels(train, identities, { fraction: 1e-6, strategy: 'random', seed: 1 }).length, 1);
  assert.deepEqual(fewLabels(train, identities, { fraction: 1, strategy: 'per-identity', seed: 1 }), train);
});

test('the published folds have 41 and 27 subjects and cover each once', () => {
  const sizes: Record<Benchmark, number> = { BP4D: 41, DISFA: 27 };
  for (const benchmark of ['BP4D', 'DISFA'] as const) {
    const names: string[] = Object.values(PUBLISHED_PARTS[benchmark]).flat();
    assert.equal(new Set(names).size, sizes[benchmark]);
    const people = Int32Array.from(names.keys());
    for (const numbering of ['ME-GraphAU', 'AUNCE'] as const) {
      const folds = publishedFolds(benchmark, numbering, people, names);
      folds.forEach((fold, index) => {
        assertExclusive(fold, people);
        const part: readonly string[] = PUBLISHED_PARTS[benchmark][FOLD_NUMBERING[numbering][index]];
        assert.deepEqual(new Set(Array.from(fold.test, (face) => names[face])), new Set(part));
      });
    }
  }
  const [first] = publishedFolds('DISFA', 'ME-GraphAU', Int32Array.of(0, 1, 2), ['SN003', 'sn002', 'SN013']);
  assert.deepEqual(first, {
    name: 'DISFA fold 1 in the numbering of ME-GraphAU, tests P3',
    train: Int32Array.of(1, 2),
    test: Int32Array.of(0),
  });
});

test('a subject outside the published folds, or an empty fold, is named', () => {
  assert.throws(() => publishedFolds('BP4D', 'AUNCE', Int32Array.of(0), ['anna']), /"anna".*41 subjects/);
  assert.throws(() => publishedFolds('BP4D', 'AUNCE', Int32Array.of(0), ['F001']), /fold 1.*no face of the other parts/);
});
