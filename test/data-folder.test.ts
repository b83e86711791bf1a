import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { encode as encodePng } from 'fast-png';
import jpeg from 'jpeg-js';
import type { FaceDataset } from '../src/data/dataset.js';
import { identityFromPath, parseLabels } from '../src/data/folder/labels-csv.js';
import { LANDMARK_COLUMNS, parseLandmarks } from '../src/data/folder/landmarks-csv.js';
import { readFaceFolder, type FolderSource } from '../src/data/folder/read-folder.js';
import { faceFolderFiles } from '../src/data/folder/write-folder.js';
import { seededRandom } from '../src/data/splits.js';
import { InputError } from '../src/engine/errors.js';
import { readFaceFolder as readFromDisk, writeFaceFolder } from '../src/platform/node/image-files.js';

const scratch = mkdtempSync(join(tmpdir(), 'zygo-folder-'));
after(() => rmSync(scratch, { recursive: true, force: true }));

function memory(files: Record<string, string | Uint8Array>): FolderSource {
  return {
    name: 'faces',
    read: async (path) => {
      const file = Object.hasOwn(files, path) ? files[path] : null;
      return typeof file === 'string' ? new TextEncoder().encode(file) : file;
    },
  };
}

const png = (size: number) =>
  encodePng({ width: size, height: size, channels: 3, data: Uint8Array.from({ length: size * size * 3 }, (_, i) => i) });
const landmarkHeader = ['image_path', ...LANDMARK_COLUMNS].join(',');
const landmarkRow = (path: string, change: Record<number, string> = {}) =>
  [path, ...LANDMARK_COLUMNS.map((_, i) => change[i] ?? String(i / 2))].join(',');

/** A good folder of two faces; each test breaks one thing. */
function good(): Record<string, string | Uint8Array> {
  return {
    'labels.csv': 'image_path,identity,au1,AU02,au_12\na.png,anna,1,0,9\nb.png,ben,0,0,1\n',
    'landmarks.csv': [landmarkHeader, landmarkRow('b.png'), landmarkRow('a.png', { 0: '2.5', 1: '-1e-1' })].join('\r\n'),
    'a.png': png(8),
    'b.png': png(4),
  };
}

const readWith = (change: Record<string, string | Uint8Array | undefined>) => {
  const files = { ...good(), ...change };
  for (const [path, file] of Object.entries(files)) if (file === undefined) delete files[path];
  return readFaceFolder(memory(files as Record<string, string | Uint8Array>), { imageSize: 8 });
};

/** The read must fail with one sentence that matches. */
async function refused(change: Record<string, string | Uint8Array | undefined>, message: RegExp): Promise<void> {
  await assert.rejects(readWith(change), (error: Error) => {
    assert.ok(error instanceof InputError, String(error.stack));
    assert.match(error.message, message);
    return true;
  });
}

function randomDataset(): FaceDataset {
  const random = seededRandom(4);
  const count = 5;
  const imageSize = 6;
  return {
    source: 'test',
    count,
    imageSize,
    images: Uint8Array.from({ length: count * imageSize * imageSize * 4 }, (_, i) => (i % 4 === 3 ? 255 : random() * 256)),
    landmarks: Float32Array.from({ length: count * 98 }, () => random() * 7 - 0.5),
    actionUnits: [1, 6, 26],
    labels: Uint8Array.from({ length: count * 3 }, () => [0, 1, 9][Math.floor(random() * 3)]),
    identities: Int32Array.of(0, 1, 0, 2, 1),
    identityNames: ['Åsa, "A"', 'F001', ' c '],
  };
}

test('a good folder is read: labels, identities, landmarks scaled with the image', async () => {
  const faces = await readWith({});
  assert.deepEqual(faces.actionUnits, [1, 2, 12]);
  assert.deepEqual([...faces.labels], [1, 0, 9, 0, 0, 1]);
  assert.deepEqual(faces.identityNames, ['anna', 'ben']);
  assert.deepEqual([...faces.identities], [0, 1]);
  assert.equal(faces.landmarks[0], 2.5);
  assert.equal(faces.landmarks[1], Math.fround(-0.1));
  assert.equal(faces.landmarks[98 + 6], 2 * 3, 'the 4-pixel image was doubled');
  assert.deepEqual([...faces.images.slice(0, 8)], [0, 1, 2, 255, 3, 4, 5, 255]);
});

test('a dataset written and read again is the same, in memory and on disk', async () => {
  const dataset = randomDataset();
  const files = Object.fromEntries([...faceFolderFiles(dataset)].map(({ path, bytes }) => [path, bytes]));
  const { source: _, ...expected } = dataset;
  const { source, ...read } = await readFaceFolder(memory(files), { imageSize: dataset.imageSize });
  assert.deepEqual(read, expected);
  assert.match(source, /folder faces, 5 faces of 3 people/);

  const folder = join(scratch, 'written');
  const intensities = { actionUnits: [12] as const, values: Float32Array.of(0, 0.25, 0.1, 1, 0.5) };
  await writeFaceFolder(folder, dataset, { intensities });
  const { source: __, ...fromDisk } = await readFromDisk(folder, { imageSize: dataset.imageSize });
  assert.deepEqual(fromDisk, expected);
  assert.deepEqual(readdirSync(folder).sort(), ['images', 'intensities.csv', 'labels.csv', 'landmarks.csv']);
  assert.match(readFileSync(join(folder, 'intensities.csv'), 'utf8'), /^image_path,au12\nimages\/0000.png,0\n.*0\.25\n.*0\.1\n/);
});

test('writing leaves all or nothing', async () => {
  const parent = join(scratch, 'parent');
  mkdirSync(parent);
  const nameless = { ...randomDataset(), identityNames: ['only one'] };
  await assert.rejects(writeFaceFolder(join(parent, 'a'), nameless), /Identity 1 of face 1 has no name/);
  assert.deepEqual(readdirSync(parent), [], 'nothing half-written stays');
  mkdirSync(join(parent, 'empty'));
  await writeFaceFolder(join(parent, 'empty'), randomDataset());
  await assert.rejects(writeFaceFolder(join(parent, 'empty'), randomDataset()), /already holds 3 files/);
  writeFileSync(join(parent, 'file'), '');
  await assert.rejects(writeFaceFolder(join(parent, 'file'), randomDataset()), /is not a folder/);
  await assert.rejects(writeFaceFolder(join(parent, 'file', 'below'), randomDataset()), InputError);
  assert.deepEqual(readdirSync(parent).sort(), ['empty', 'file']);
  assert.ok(existsSync(join(parent, 'empty', 'images', '0004.png')));
});

test('who is shown: column, first folder, or file name up to the underscore', async () => {
  assert.equal(identityFromPath('F001/T1/12.jpg'), 'F001');
  assert.equal(identityFromPath('images/F001/12.jpg'), 'F001');
  assert.equal(identityFromPath('images/F001_T1_12.jpg'), 'F001');
  assert.equal(identityFromPath('F001_T1_12.jpg'), 'F001');
  assert.equal(identityFromPath('12.jpg'), null);
  const { rows } = parseLabels('\ufeffIMAGE_PATH,au6\n./F001/1.png,1\nF002\\1.png,0\n', 'labels.csv');
  assert.deepEqual(rows.map(({ identity, path, line }) => [identity, path, line]), [
    ['F001', 'F001/1.png', 2],
    ['F002', 'F002/1.png', 3],
  ]);
  await refused({ 'labels.csv': 'image_path,au1\na.png,1\n' }, /labels\.csv, line 2: who "a\.png" shows cannot be told/);
  await refused({ 'labels.csv': 'image_path,identity,au1\na.png,,1\n' }, /line 2, column identity: empty/);
});

test('problems of labels.csv are named by line, column and value', async () => {
  await refused({ 'labels.csv': undefined }, /^faces has no labels\.csv: expected a table/);
  await refused({ 'labels.csv': '' }, /^labels\.csv is empty/);
  await refused({ 'labels.csv': 'image_path,identity,au1\n' }, /^labels\.csv has a header but no rows/);
  await refused({ 'labels.csv': 'file,au1\na.png,1\n' }, /labels\.csv, line 1: column image_path is missing/);
  await refused({ 'labels.csv': 'image_path,identity\na.png,x\n' }, /line 1: no AU column/);
  await refused({ 'labels.csv': 'image_path,au99\na.png,1\n' }, /line 1: column "au99" is not known, .*au26/);
  await refused({ 'labels.csv': 'image_path,frame\na.png,1\n' }, /column "frame" is not known/);
  await refused({ 'labels.csv': 'image_path,au1,AU01\na.png,1,1\n' }, /two columns for AU 1/);
  await refused({ 'labels.csv': 'image_path,au1,au1\na.png,1,1\n' }, /column "au1" stands there twice/);
  const rows = (...lines: string[]) => ({ 'labels.csv': ['image_path,identity,au1,au2', ...lines].join('\n') });
  await refused(rows('a.png,x,1,0', '', 'b.png,x,1,2'), /labels\.csv, line 4, column au2: "2", expected 0 \(absent\), 1/);
  await refused(rows('a.png,x,1,'), /line 2, column au2: "", expected 0/);
  await refused(rows('a.png,x,1,1.0'), /column au2: "1\.0"/);
  await refused(rows('a.png,x,1'), /labels\.csv, line 2: 3 values, expected 4/);
  await refused(rows('a.png,x,1,0', 'a.png,x,1,0'), /line 3, column image_path: "a\.png" already stands in line 2/);
  for (const path of ['../a.png', '/etc/a.png', 'C:/a.png', '']) {
    await refused(rows(`${path},x,1,0`), /line 2, column image_path: ".*", expected the path of an image inside/);
  }
  await refused(rows('"a.png,x,1,0'), /labels\.csv is not valid CSV: .*line/);
  await refused({ 'labels.csv': Uint8Array.of(0xff, 0xfe, 0x41) }, /labels\.csv in faces is not UTF-8 text/);
});

test('problems of landmarks.csv are named by line, column and value', async () => {
  await refused({ 'landmarks.csv': undefined }, /^faces has no landmarks\.csv: expected the landmarks, a table .* with the 49 points/);
  const table = (...lines: string[]) => ({ 'landmarks.csv': lines.join('\n') });
  await refused(table(landmarkHeader, landmarkRow('a.png')), /labels\.csv, line 3, .*"b\.png": landmarks\.csv has no row for this image/);
  await refused(
    table(landmarkHeader, landmarkRow('a.png'), landmarkRow('b.png', { 3: 'left' })),
    /landmarks\.csv, line 3, column y_1: "left", expected a number of pixels/,
  );
  for (const value of ['', 'NaN', '1e99', '0x10', 'Infinity']) {
    await refused(table(landmarkHeader, landmarkRow('a.png', { 97: value })), /line 2, column y_48: /);
  }
  await refused(table(landmarkHeader.replace(',x_7,', ',x7,'), landmarkRow('a.png')), /column "x7" is not known/);
  await refused(table(`${landmarkHeader},x_49`, `${landmarkRow('a.png')},1`), /column "x_49" is not known, .*49 points/);
  await refused(table(landmarkHeader.replace(',y_48', ''), landmarkRow('a.png').replace(/,[^,]*$/, '')), /column y_48 is missing/);
  await refused(table(landmarkHeader, landmarkRow('a.png'), landmarkRow('a.png')), /already stands in line 2/);
  const shuffledColumns = ['y_0', 'x_0', ...LANDMARK_COLUMNS.slice(2), 'image_path'].join(',');
  const points = parseLandmarks(`${shuffledColumns}\n${LANDMARK_COLUMNS.map((_, i) => i).join(',')},a.png`, 'l').get('a.png')!;
  assert.deepEqual([...points.slice(0, 4)], [1, 0, 2, 3]);
});

test('problems of images are named by the row that wants them', async () => {
  await refused({ 'b.png': undefined }, /labels\.csv, line 3, column image_path, "b\.png": there is no such file in faces/);
  await refused({ 'b.png': 'hello' }, /line 3, .*"b\.png": the image is neither PNG nor JPEG/);
  await refused({ 'b.png': new Uint8Array() }, /line 3, .*neither PNG nor JPEG/);
  const whole = png(4);
  for (const length of [8, 20, 40, whole.length - 20, whole.length - 1]) {
    await refused({ 'b.png': whole.slice(0, length) }, /line 3, .*"b\.png": the PNG image cannot be read/);
  }
  const flipped = whole.slice();
  flipped[whole.length - 25] ^= 0x10;
  await refused({ 'b.png': flipped }, /the PNG image cannot be read/);
  const huge = whole.slice();
  new DataView(huge.buffer).setUint32(16, 20_000);
  new DataView(huge.buffer).setUint32(20, 20_000);
  await refused({ 'b.png': huge }, /more than 100 megapixels/);
  const picture = jpeg.encode({ width: 16, height: 16, data: new Uint8Array(1024).fill(90) }, 90).data;
  for (const length of [3, 30, picture.length - 20]) {
    await refused({ 'b.png': new Uint8Array(picture.subarray(0, length)) }, /the JPEG image cannot be read/);
  }
  const trailed = new Uint8Array([...picture, 1, 2, 3]);
  assert.equal((await readWith({ 'b.png': trailed })).count, 2, 'what cameras append does no harm');
  const noQuantisation = new Uint8Array(picture).fill(0, 20, 200);
  await refused({ 'b.png': noQuantisation }, /the JPEG image cannot be read/);
  await assert.rejects(readFaceFolder(memory(good()), { imageSize: 0 }), /image size is 0/);
  await assert.rejects(readFromDisk(join(scratch, 'nowhere'), { imageSize: 8 }), /There is no folder/);
});
