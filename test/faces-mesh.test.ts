import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AU_FIELDS } from '../src/data/faces/au-anchors.js';
import { noMovement } from '../src/data/faces/au-deformers.js';
import { parseGeometryMetadata, parsePackedFileTable, readCanonicalMesh } from '../src/data/faces/canonical-mesh.js';
import { FaceModel } from '../src/data/faces/face-model.js';
import { LIP_RINGS } from '../src/data/faces/mesh-topology.js';
import { KNOWN_AUS, type ActionUnit } from '../src/data/action-units.js';
import { loadCanonicalMesh } from '../src/platform/node/canonical-mesh.js';

const mesh = await loadCanonicalMesh();
const model = new FaceModel(mesh);

/** Rest shape and the same with one AU at intensity 5 on the given sides. */
function moved(au: ActionUnit, sides: readonly ('right' | 'left')[] = ['right', 'left']): Float32Array {
  const intensities = noMovement();
  for (const side of sides) intensities[side][KNOWN_AUS.indexOf(au)] = 5;
  const shape = model.rest.slice();
  model.deformer.apply(shape, intensities);
  return shape;
}

test('the canonical mesh has its 468 vertices, 898 triangles and a face-sized extent', () => {
  assert.equal(mesh.positions.length, 468 * 3);
  assert.equal(mesh.uv.length, 468 * 2);
  assert.equal(mesh.triangles.length, 898 * 3);
  const extent = [0, 1, 2].map((axis) => {
    const values = Array.from({ length: 468 }, (_, v) => mesh.positions[3 * v + axis]);
    return Math.max(...values) - Math.min(...values);
  });
  assert.ok(extent[0] > 13 && extent[0] < 18, `width ${extent[0]} cm`);
  assert.ok(extent[1] > 15 && extent[1] < 21, `height ${extent[1]} cm`);
  assert.ok(extent[2] > 8 && extent[2] < 13, `depth ${extent[2]} cm`);
  // The nose's tip is the foremost point, the chin lies below the mouth, the mouth below the nose.
  const z = Array.from({ length: 468 }, (_, v) => mesh.positions[3 * v + 2]);
  assert.equal(z.indexOf(Math.max(...z)), 4);
  assert.ok(mesh.positions[3 * 152 + 1] < mesh.positions[3 * 17 + 1] && mesh.positions[3 * 0 + 1] < mesh.positions[3 * 4 + 1]);
  assert.ok(mesh.uv.every((value) => value >= 0 && value <= 1));
});

test('every vertex is used and the mesh spans eyes and mouth with triangles of their own', () => {
  assert.equal(new Set(mesh.triangles).size, 468);
  const { skin, eye, mouth } = model.topology.triangles;
  assert.deepEqual([skin.length / 3, eye.length / 3, mouth.length / 3], [852, 28, 18]);
  model.topology.mirror.forEach((other, vertex) => assert.equal(model.topology.mirror[other], vertex));
});

test('damaged files are refused in words', () => {
  assert.throws(() => parsePackedFileTable('nothing here'), /file table/);
  assert.throws(() => parsePackedFileTable('"files": [{"filename": "a", "start": "0"}]'), /file table/);
  assert.throws(() => readCanonicalMesh('{"files": [{"filename": "x.tflite", "start": 0, "end": 4}]}', new Uint8Array(4)), /names no file/);
  const script = '{"files": [{"filename": "/d/geometry_pipeline_metadata_landmarks.binarypb", "start": 0, "end": 99}]}';
  assert.throws(() => readCanonicalMesh(script, new Uint8Array(4)), /4 bytes: expected at least 99/);
  assert.throws(() => parseGeometryMetadata(Uint8Array.of(0x0a, 9, 1)), /cut off/);
  assert.throws(() => parseGeometryMetadata(new Uint8Array(0)), /0 vertices/);
});

test('packed and unpacked index buffers read the same', () => {
  // The message as the package has it is unpacked; repack it by hand and compare.
  const floats: number[] = [];
  for (let v = 0; v < 468; v++) floats.push(...mesh.positions.subarray(3 * v, 3 * v + 3), ...mesh.uv.subarray(2 * v, 2 * v + 2));
  const varint = (value: number): number[] => (value < 128 ? [value] : [(value & 127) | 128, ...varint(value >>> 7)]);
  const block = (tag: number, bytes: readonly number[]): number[] => [tag, ...varint(bytes.length), ...bytes];
  const body = [
    ...block(0x1a, [...new Uint8Array(Float32Array.from(floats).buffer)]),
    ...block(0x22, [...mesh.triangles].flatMap(varint)),
  ];
  const repacked = parseGeometryMetadata(Uint8Array.from(block(0x0a, body)));
  assert.deepEqual(repacked, { positions: mesh.positions, uv: mesh.uv, triangles: mesh.triangles });
});

test('at rest the lips touch', () => {
  const inner = LIP_RINGS[LIP_RINGS.length - 1];
  inner.upper.forEach((up, column) => {
    const low = inner.lower[column];
    assert.ok(Math.abs(model.rest[3 * up + 1] - model.rest[3 * low + 1]) < 1e-5);
  });
});

test('every AU moves what its muscle moves', () => {
  const dy = (au: ActionUnit, vertex: number): number => moved(au)[3 * vertex + 1] - model.rest[3 * vertex + 1];
  const dx = (au: ActionUnit, vertex: number): number => moved(au)[3 * vertex] - model.rest[3 * vertex];
  const gap = (shape: Float32Array, up: number, low: number): number => shape[3 * up + 1] - shape[3 * low + 1];
  const opening = (au: ActionUnit): number => gap(moved(au), 159, 145) / gap(model.rest, 159, 145);
  const lipHeight = (au: ActionUnit): number => gap(moved(au), 0, 17) / gap(model.rest, 0, 17);
  assert.ok(dy(1, 107) > 0.8 && Math.abs(dy(1, 70)) < 0.25, 'AU 1: inner brow up, outer not');
  assert.ok(dy(2, 63) > 0.8 && dy(2, 107) < 0.5, 'AU 2: outer brow up, inner hardly');
  assert.ok(dy(4, 107) < -0.5 && dx(4, 107) > 0.2, 'AU 4: brow down and towards the midline');
  assert.ok(dy(6, 50) > 0.4 && opening(6) < 0.95, 'AU 6: cheek up, eye narrower');
  assert.ok(opening(7) < 0.7 && opening(7) > 0.3, 'AU 7: eye narrower, not shut');
  assert.ok(dy(9, 129) > 0.5 && dy(9, 55) < -0.2, 'AU 9: nose wing up, inner brow down');
  assert.ok(dy(10, 37) > 0.4 && Math.abs(dy(10, 61)) < 0.3, 'AU 10: upper lip up, corner stays');
  assert.ok(dy(12, 61) > 0.7 && dx(12, 61) < -0.6, 'AU 12: corner up and out');
  assert.ok(moved(14)[3 * 61 + 2] < model.rest[3 * 61 + 2] - 0.2, 'AU 14: corner drawn inwards');
  assert.ok(dy(15, 61) < -0.5, 'AU 15: corner down');
  assert.ok(dy(17, 199) > 0.5 && dy(17, 17) > 0.3, 'AU 17: chin boss and lower lip up');
  assert.ok(lipHeight(23) < 0.8 && dx(23, 61) > 0.15, 'AU 23: lips thin, mouth narrow');
  assert.ok(lipHeight(24) < 0.75 && dx(24, 61) < 0.1, 'AU 24: lips thin, mouth not narrow');
  assert.ok(gap(moved(25), 13, 14) > 0.4 && dy(25, 152) > -0.2, 'AU 25: lips apart, jaw stays');
  assert.ok(gap(moved(26), 13, 14) > 1.5 && dy(26, 152) < -0.8, 'AU 26: mouth open, chin down');
  for (const au of [1, 2, 4, 6, 7, 12, 14, 15, 17, 23, 24] as const) {
    assert.ok(Math.abs(gap(moved(au), 13, 14)) < 0.02, `AU ${au} leaves the lips closed`);
  }
});

test('AUs act on one side alone', () => {
  for (const au of [1, 2, 4, 6, 7, 9, 10, 12, 14, 15] as const) {
    const vertex = AU_FIELDS[au].anchors[0][0];
    const other = model.topology.mirror[vertex];
    const shape = moved(au, ['right']);
    const shift = (v: number): number => Math.hypot(...[0, 1, 2].map((k) => shape[3 * v + k] - model.rest[3 * v + k]));
    assert.ok(shift(vertex) > 0.1, `AU ${au} moves vertex ${vertex}`);
    assert.ok(shift(other) < 0.1 * shift(vertex), `AU ${au} leaves vertex ${other}`);
  }
});

test('displacement grows with intensity', () => {
  const at = (intensity: number): number => {
    const intensities = noMovement();
    const index = KNOWN_AUS.indexOf(12);
    intensities.right[index] = intensity;
    intensities.left[index] = intensity;
    const shape = model.rest.slice();
    model.deformer.apply(shape, intensities);
    return shape[3 * 61 + 1] - model.rest[3 * 61 + 1];
  };
  assert.equal(at(0), 0);
  assert.ok(at(1) > 0.1 && at(2) > at(1) + 0.1 && at(5) > at(2) + 0.3);
});
