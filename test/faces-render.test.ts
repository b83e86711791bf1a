import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { BP4D_AUS, DISFA_AUS, KNOWN_AUS, type ActionUnit } from '../src/data/action-units.js';
import { LANDMARK_COUNT } from '../src/data/dataset.js';
import { noMovement } from '../src/data/faces/au-deformers.js';
import { renderContactSheet } from '../src/data/faces/contact-sheet.js';
import { plainFrame, type Frame } from '../src/data/faces/frame.js';
import { generateFaces, type GenerateFacesOptions } from '../src/data/faces/generate.js';
import { makeIdentity } from '../src/data/faces/identity.js';
import { FaceRenderer } from '../src/data/faces/renderer.js';
import { auCentres } from '../src/data/landmarks.js';
import { loadCanonicalMesh } from '../src/platform/node/canonical-mesh.js';
import { findNodeGpu } from '../src/platform/node/gpu.js';
import { shaderSources } from '../src/shaders.generated.js';

const SIZE = 64;
const node = await findNodeGpu();
const device = await node.adapter.requestDevice();
const complaints: string[] = [];
device.addEventListener('uncapturederror', (event) => complaints.push(event.error.message));
const mesh = await loadCanonicalMesh();
const shaderSource = (name: string): string => shaderSources[name];
const renderer = new FaceRenderer(device, mesh, shaderSource, SIZE);

after(() => {
  renderer.destroy();
  device.destroy();
  // The GPU object must outlive its device.
  assert.ok(node.gpu);
});

const defaults: GenerateFacesOptions = {
  device,
  mesh,
  shaderSource,
  count: 5,
  identities: 3,
  imageSize: 48,
  seed: 1,
  mode: 'bp4d',
};

/** Draws frames of one person. */
async function draw(identity: number, frames: readonly Frame[]): Promise<Uint8Array[]> {
  const { images } = await renderer.render(frames.length, (i) => ({ identity: makeIdentity(identity), frame: frames[i] }));
  const bytes = SIZE * SIZE * 4;
  return frames.map((_, i) => images.subarray(i * bytes, (i + 1) * bytes));
}

/** The plain frame with one AU on the given sides. */
function withAu(au: ActionUnit, right: number, left: number): Frame {
  const intensities = noMovement();
  intensities.right[KNOWN_AUS.indexOf(au)] = right;
  intensities.left[KNOWN_AUS.indexOf(au)] = left;
  return { ...plainFrame(), intensities };
}

/** Mean absolute difference per channel over the pixels that `inside` accepts. */
function difference(a: Uint8Array, b: Uint8Array, inside: (x: number, y: number) => boolean = () => true): number {
  let sum = 0;
  let pixels = 0;
  for (let y = 0; y < SIZE; y++) {
    for (let x = 0; x < SIZE; x++) {
      if (!inside(x, y)) continue;
      pixels++;
      for (let k = 0; k < 3; k++) sum += Math.abs(a[4 * (y * SIZE + x) + k] - b[4 * (y * SIZE + x) + k]);
    }
  }
  return sum / (3 * pixels);
}

test('a data set has consistent shapes, labels and landmarks inside the image', async () => {
  const faces = await generateFaces({ ...defaults, count: 40, identities: 7, firstIdentity: 100 });
  assert.equal(faces.images.length, 40 * 48 * 48 * 4);
  assert.equal(faces.landmarks.length, 40 * LANDMARK_COUNT * 2);
  assert.deepEqual(faces.actionUnits, BP4D_AUS);
  assert.equal(faces.labels.length, 40 * 12);
  faces.labels.forEach((label, i) => assert.equal(label, faces.intensities[i] >= 2 ? 1 : 0));
  assert.ok(faces.intensities.every((value) => value >= 0 && value <= 5));
  assert.ok(faces.landmarks.every((value) => value > 0 && value < 48));
  assert.deepEqual([...faces.identities.slice(0, 8)], [100, 101, 102, 103, 104, 105, 106, 100]);
  assert.equal(faces.identityNames[106], 'synthetic 106');
  for (let i = 3; i < faces.images.length; i += 4) assert.equal(faces.images[i], 255);
  assert.deepEqual(complaints, []);
});

test('the same seed gives the same bytes, another seed others, and a face does not depend on the count', async () => {
  const first = await generateFaces(defaults);
  const again = await generateFaces(defaults);
  const fewer = await generateFaces({ ...defaults, count: 2 });
  const other = await generateFaces({ ...defaults, seed: 2 });
  assert.deepEqual(first.images, again.images);
  assert.deepEqual(first.landmarks, again.landmarks);
  assert.deepEqual(first.labels, again.labels);
  assert.deepEqual(fewer.images, first.images.subarray(0, fewer.images.length));
  assert.notDeepEqual(first.images, other.images);
  assert.notDeepEqual(first.landmarks, other.landmarks);
});

test('label columns can be chosen and unknown ones are refused', async () => {
  const all = await generateFaces({ ...defaults, mode: 'disfa' });
  const some = await generateFaces({ ...defaults, mode: 'disfa', actionUnits: [12, 1] });
  assert.deepEqual(all.actionUnits, DISFA_AUS);
  assert.deepEqual(some.images, all.images);
  for (let i = 0; i < defaults.count; i++) {
    assert.equal(some.intensities[2 * i], all.intensities[8 * i + DISFA_AUS.indexOf(12)]);
    assert.equal(some.intensities[2 * i + 1], all.intensities[8 * i + DISFA_AUS.indexOf(1)]);
  }
  await assert.rejects(generateFaces({ ...defaults, mode: 'disfa', actionUnits: [17] }), /AU 17 has no statistics in DISFA mode/);
  await assert.rejects(generateFaces({ ...defaults, count: 0 }), /Option count .* is 0/);
  await assert.rejects(generateFaces({ ...defaults, imageSize: 7 }), /image size is 7/);
});

test('a shader that the device refuses is an error, not a black picture', async () => {
  await assert.rejects(
    generateFaces({ ...defaults, shaderSource: (name) => shaderSource(name).replaceAll('face.clip', 'face.nothing') }),
    /cannot work on this device/,
  );
});

test('every AU changes the image, most around its own region', async () => {
  const upper = new Set<ActionUnit>([1, 2, 4, 6, 7]);
  const frames = [plainFrame(), ...KNOWN_AUS.map((au) => withAu(au, 5, 5))];
  const [neutral, ...moved] = await draw(20, frames);
  const noseY = SIZE * 0.5;
  KNOWN_AUS.forEach((au, i) => {
    const above = difference(neutral, moved[i], (_, y) => y < noseY);
    const below = difference(neutral, moved[i], (_, y) => y >= noseY);
    assert.ok(above + below > 0.25, `AU ${au} is visible: ${above} above, ${below} below`);
    if (au === 9) assert.ok(above > 0.3 && below > 0.3, 'AU 9 shows on nose, brows and lip');
    else if (upper.has(au)) assert.ok(above > 1.5 * below, `AU ${au} shows in the upper face: ${above} against ${below}`);
    else assert.ok(below > 1.5 * above, `AU ${au} shows in the lower face: ${below} against ${above}`);
  });
});

test('an AU grows with its intensity', async () => {
  for (const au of [1, 4, 7, 12, 15, 24] as const) {
    const [neutral, weak, strong] = await draw(14, [plainFrame(), withAu(au, 2, 2), withAu(au, 5, 5)]);
    const small = difference(neutral, weak);
    assert.ok(small > 0.05 && difference(neutral, strong) > 1.3 * small, `AU ${au}`);
  }
});

test('an AU on one side changes that side', async () => {
  for (const au of [2, 6, 12, 14] as const) {
    const [neutral, right] = await draw(3, [plainFrame(), withAu(au, 5, 0)]);
    const onRight = difference(neutral, right, (x) => x < SIZE / 2);
    const onLeft = difference(neutral, right, (x) => x >= SIZE / 2);
    // The person's right side is on the image's left.
    assert.ok(onRight > 3 * onLeft, `AU ${au}: ${onRight} against ${onLeft}`);
  }
});

test('people differ in shape and colour, and a person stays the same', async () => {
  const { images, landmarks } = await renderer.render(12, (i) => ({ identity: makeIdentity(i), frame: plainFrame() }));
  const bytes = SIZE * SIZE * 4;
  const face = (i: number): Uint8Array => images.subarray(i * bytes, (i + 1) * bytes);
  for (let a = 0; a < 12; a++) {
    for (let b = 0; b < a; b++) {
      assert.ok(difference(face(a), face(b)) > 4, `identities ${a} and ${b} look different`);
      let apart = 0;
      for (let k = 0; k < 98; k++) apart += Math.abs(landmarks[98 * a + k] - landmarks[98 * b + k]) / 98;
      assert.ok(apart > 0.2, `identities ${a} and ${b} have different faces: ${apart} pixels`);
    }
  }
  const brightness = Array.from({ length: 12 }, (_, i) => face(i)[4 * (SIZE * 36 + 20) + 1]);
  assert.ok(Math.max(...brightness) - Math.min(...brightness) > 70, `skin tones range over ${brightness}`);
  assert.deepEqual(makeIdentity(5), makeIdentity(5));
  assert.notDeepEqual(makeIdentity(5), makeIdentity(6));
});

test('landmarks lie on what they name', async () => {
  const { images, landmarks } = await renderer.render(1, () => ({ identity: makeIdentity(14), frame: plainFrame() }));
  const luminance = (x: number, y: number): number => {
    const at = 4 * (Math.floor(y) * SIZE + Math.floor(x));
    return images[at] + images[at + 1] + images[at + 2];
  };
  // Dark brows under points 2 and 7, bright cheeks 12 pixels below.
  for (const point of [2, 7]) {
    const [x, y] = [landmarks[2 * point], landmarks[2 * point + 1]];
    assert.ok(luminance(x, y + 1) < 0.75 * luminance(x, y + 16));
  }
  const [[x1], [x2]] = auCentres(landmarks, 12);
  assert.ok(x1 < SIZE / 2 && x2 > SIZE / 2);
});

test('the contact sheet shows the face at rest and each AU', async () => {
  const sheet = await renderContactSheet({ device, mesh, shaderSource, imageSize: 32, identity: 1 });
  assert.equal(sheet.tiles.length, 1 + KNOWN_AUS.length);
  assert.equal(sheet.tiles[0].title, 'Neutral');
  assert.equal(sheet.tiles[8].title, 'AU 12 Lip corner puller');
  for (const tile of sheet.tiles.slice(1)) assert.notDeepEqual(tile.rgba, sheet.tiles[0].rgba);
  assert.deepEqual(complaints, []);
});
