import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { planMemory, type Lifetime } from '../src/engine/memory-plan.js';

const lifetimes = fc.array(
  fc.record({ byteLength: fc.integer({ min: 1, max: 5000 }), first: fc.nat(30), length: fc.nat(10), apartFrom: fc.array(fc.nat(39), { maxLength: 3 }) }),
  { minLength: 1, maxLength: 40 },
);

/** Lifetimes whose `apart` goes both ways, as commands make it. */
function fromRecords(records: readonly { byteLength: number; first: number; length: number; apartFrom: number[] }[]): Lifetime[] {
  const apart = records.map(() => new Set<number>());
  records.forEach(({ apartFrom }, index) => {
    for (const other of apartFrom.filter((place) => place < records.length && place !== index)) {
      apart[index].add(other);
      apart[other].add(index);
    }
  });
  return records.map(({ byteLength, first, length }, index) => ({ byteLength, first, last: first + length, apart: apart[index] }));
}

function pairsAlive(given: readonly Lifetime[]): [number, number][] {
  return given.flatMap((a, i) => given.flatMap((b, j): [number, number][] => (j < i && a.first <= b.last && b.first <= a.last ? [[j, i]] : [])));
}

test('storages alive at the same time never overlap, and those to be kept apart lie in different buffers', () => {
  fc.assert(
    fc.property(lifetimes.map(fromRecords), (given) => {
      const { assignment, offsets } = planMemory(given);
      for (const [a, b] of pairsAlive(given)) {
        if (assignment[a] !== assignment[b]) continue;
        assert.ok(!given[a].apart?.has(b), `${a} and ${b} share a buffer`);
        assert.ok(offsets[a] + given[a].byteLength <= offsets[b] || offsets[b] + given[b].byteLength <= offsets[a], `${a} and ${b} overlap`);
      }
    }),
  );
});

test('storages lie inside their slots at multiples of 256 bytes, and the peak is the sum of the slots', () => {
  fc.assert(
    fc.property(lifetimes.map(fromRecords), (given) => {
      const { slots, assignment, offsets, peakBytes, lowerBoundBytes } = planMemory(given);
      given.forEach(({ byteLength }, index) => {
        assert.equal(offsets[index] % 256, 0);
        assert.ok(offsets[index] + byteLength <= slots[assignment[index]]);
      });
      assert.equal(peakBytes, slots.reduce((sum, size) => sum + size, 0));
      assert.ok(peakBytes >= lowerBoundBytes);
    }),
  );
});

test('two small storages share the buffer of a large one that is no longer alive', () => {
  const { slots, assignment, offsets } = planMemory([
    { byteLength: 1024, first: 0, last: 1 },
    { byteLength: 512, first: 2, last: 3 },
    { byteLength: 512, first: 2, last: 3 },
  ]);
  assert.deepEqual(slots, [1024]);
  assert.deepEqual(assignment, [0, 0, 0]);
  assert.deepEqual([...offsets].sort((a, b) => a - b), [0, 0, 512]);
});
