import assert from 'node:assert/strict';
import { test } from 'node:test';
import { KNOWN_AUS } from '../src/data/action-units.js';
import { LANDMARK_COUNT } from '../src/data/dataset.js';
import { analyseMesh } from '../src/data/faces/mesh-topology.js';
import { LANDMARK_VERTICES, auCentres } from '../src/data/landmarks.js';
import { loadCanonicalMesh } from '../src/platform/node/canonical-mesh.js';

const topology = analyseMesh(await loadCanonicalMesh());

/** The canonical face in pixel-like coordinates, 10 per cm, y down. */
function canonicalLandmarks(): Float32Array {
  return Float32Array.from(LANDMARK_VERTICES.flatMap((vertex) => {
    const { positions } = topology.mesh;
    return [100 + 10 * positions[3 * vertex], 100 - 10 * positions[3 * vertex + 1]];
  }));
}

/** For each point the one that takes its place when the face is mirrored; -1 where there is none. */
const mirrored = LANDMARK_VERTICES.map((vertex) => LANDMARK_VERTICES.indexOf(topology.mirror[vertex]));

test('no point comes twice, and the mirror image of each is among them', () => {
  assert.equal(LANDMARK_VERTICES.length, LANDMARK_COUNT);
  assert.equal(new Set(LANDMARK_VERTICES).size, LANDMARK_COUNT);
  mirrored.forEach((other, point) => assert.equal(mirrored[other], point));
});

test('points follow the order of the 68-point scheme', () => {
  const points = canonicalLandmarks();
  const x = (point: number): number => points[2 * point];
  const y = (point: number): number => points[2 * point + 1];
  for (let point = 1; point < 10; point++) assert.ok(x(point) > x(point - 1), `brow point ${point}`);
  for (let point = 11; point < 14; point++) assert.ok(y(point) > y(point - 1), `bridge point ${point}`);
  for (let point = 15; point < 19; point++) assert.ok(x(point) > x(point - 1), `nose base point ${point}`);
  // Each eye runs from its left corner over the upper lid to its right corner and back along the lower lid.
  for (const eye of [19, 25]) {
    assert.ok(x(eye) < x(eye + 1) && x(eye + 1) < x(eye + 2) && x(eye + 2) < x(eye + 3));
    assert.ok(x(eye + 3) > x(eye + 4) && x(eye + 4) > x(eye + 5) && x(eye + 5) > x(eye));
    assert.ok(y(eye + 1) < y(eye + 5) && y(eye + 2) < y(eye + 4));
  }
  for (let point = 32; point <= 37; point++) assert.ok(x(point) > x(point - 1), `upper lip point ${point}`);
  for (let point = 38; point <= 42; point++) assert.ok(x(point) < x(point - 1), `lower lip point ${point}`);
  assert.ok(y(34) < y(44) && y(44) < y(47) && y(47) < y(40));
});

test('AU centres follow the table of JAA-Net', () => {
  const points = canonicalLandmarks();
  const unit = Math.abs(points[2 * 22] - points[2 * 25]);
  const at = (point: number, offset: number): [number, number] => [points[2 * point], points[2 * point + 1] + offset * unit];
  const close = (actual: readonly (readonly number[])[], expected: readonly (readonly number[])[]): void => {
    actual.flat().forEach((value, i) => assert.ok(Math.abs(value - expected.flat()[i]) < 1e-3));
  };
  close(auCentres(points, 1), [at(4, -1 / 2), at(5, -1 / 2)]);
  close(auCentres(points, 2), [at(1, -1 / 3), at(8, -1 / 3)]);
  close(auCentres(points, 4), [at(2, 1 / 3), at(7, 1 / 3)]);
  close(auCentres(points, 6), [at(24, 1), at(29, 1)]);
  close(auCentres(points, 9), [at(15, -1 / 2), at(17, -1 / 2)]);
  close(auCentres(points, 12), [at(31, 0), at(37, 0)]);
  close(auCentres(points, 17), [at(39, 1 / 2), at(41, 1 / 2)]);
  close(auCentres(points, 24), [at(34, 0), at(40, 0)]);
});

test('AU centres mirror with the face and read any face of a longer array', () => {
  const points = canonicalLandmarks();
  const flipped = new Float32Array(points.length);
  mirrored.forEach((from, point) => flipped.set([200 - points[2 * from], points[2 * from + 1]], 2 * point));
  const both = new Float32Array([...points, ...flipped]);
  for (const au of KNOWN_AUS) {
    const original = auCentres(both, au);
    const other = auCentres(both, au, 1);
    // Paired points swap; AUs on the midline keep theirs.
    for (const [x, y] of other) {
      assert.ok(original.some(([ox, oy]) => Math.abs(200 - ox - x) < 1e-3 && Math.abs(oy - y) < 1e-3), `AU ${au}`);
    }
  }
});
