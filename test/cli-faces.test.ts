/** `zygo faces` as a process: the folder that it writes can be read, and the same seed gives the same files. */
import assert from 'node:assert/strict';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { DISFA_AUS } from '../src/data/action-units.js';
import { readFaceFolder } from '../src/platform/node/image-files.js';
import { everythingIn, inFolder, start, zygo } from './cli-process.js';

test('faces are written with labels, intensities and landmarks, the same for the same seed', () =>
  inFolder(async (cwd) => {
    const args = (out: string, seed: string) => ['faces', '--out', out, '--count', '6', '--identities', '3', '--size', '48', '--statistics', 'disfa', '--seed', seed];
    const first = await zygo([...args('first', '4'), '--sheet'], { cwd });
    assert.equal(first.stderr, '');
    assert.equal(first.code, 0);
    assert.match(first.stdout, /6 faces of 3 people are in first/);
    assert.deepEqual((await zygo(args('again', '4'), { cwd })).code, 0);
    assert.deepEqual((await zygo(args('other', '5'), { cwd })).code, 0);

    const images = Array.from({ length: 6 }, (_, face) => join('images', `000${face}.png`));
    const files = [...images, 'intensities.csv', 'labels.csv', 'landmarks.csv'];
    assert.deepEqual(await everythingIn(join(cwd, 'first')), ['contact-sheet.png', 'images', ...files].sort());
    const read = (out: string, file: string) => readFile(join(cwd, out, file));
    for (const file of files) assert.deepEqual(await read('again', file), await read('first', file), file);
    assert.notDeepEqual(await read('other', 'landmarks.csv'), await read('first', 'landmarks.csv'));
    assert.ok((await stat(join(cwd, 'first', 'contact-sheet.png'))).size > 1000);

    const data = await readFaceFolder(join(cwd, 'first'), { imageSize: 48 });
    assert.equal(data.count, 6);
    assert.deepEqual(data.actionUnits, DISFA_AUS);
    assert.deepEqual([...data.identities], [0, 1, 2, 0, 1, 2]);
    assert.ok(data.landmarks.every((value) => value > 0 && value < 48), 'all landmarks lie in the picture');
    const rows = (await read('first', 'intensities.csv')).toString().trim().split('\n').slice(1).map((line) => line.split(',').slice(1).map(Number));
    rows.flat().forEach((intensity, index) => {
      assert.ok(intensity >= 0 && intensity <= 5, `intensity ${intensity}`);
      assert.equal(data.labels[index], intensity >= 2 ? 1 : 0, 'a label is intensity 2 or more');
    });
  }));

test('Ctrl-C while faces are written leaves nothing behind', () =>
  inFolder(async (cwd) => {
    const { child, ended } = start(['faces', '--out', 'faces', '--count', '100000', '--size', '16'], { cwd });
    await new Promise<void>((resolve) => child.stdout?.once('data', () => resolve()));
    // Rendering begins with the next line or after it: the folder cannot be finished within a moment.
    await new Promise<void>((resolve) => child.stdout?.once('data', () => resolve()));
    child.kill('SIGINT');
    const { code, stderr } = await ended;
    assert.equal(code, 130, stderr);
    assert.equal(stderr, 'Stopped; faces was not written.\n');
    assert.deepEqual(await readdir(cwd), []);
  }));
