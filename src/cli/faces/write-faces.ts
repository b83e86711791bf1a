/** What `zygo faces` does. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { renderContactSheet } from '../../data/faces/contact-sheet.js';
import type { FaceMode } from '../../data/faces/au-statistics.js';
import { InputError } from '../../engine/errors.js';
import { writeFaceFolder } from '../../platform/node/image-files.js';
import { openDevice } from '../device.js';
import { expectWritableFolder } from '../folders.js';
import { Interrupt } from '../interrupt.js';
import { pngOf, tile } from '../pictures.js';
import { Progress } from '../progress.js';
import { faceAssets, renderFaces } from '../synthetic.js';

/** Options of `zygo faces`, as read. */
export interface FacesOptions {
  readonly out: string;
  readonly count: number;
  readonly seed: number;
  readonly size: number;
  readonly identities?: number;
  readonly statistics: FaceMode;
  readonly sheet: boolean;
  readonly adapter: 'auto' | 'software';
}

/** Faces of one person when the number of people is not given. */
const FACES_PER_IDENTITY = 10;
/** The sheet is to be looked at: as large as screens show. */
const SHEET_TILE = 192;
const SHEET_COLUMNS = 4;

/**
 * Renders and writes the folder.
 * @throws {InputError} before anything is rendered when the folder is not empty or cannot be made
 */
export async function writeFaces(options: FacesOptions): Promise<void> {
  const { out, count, seed, size, statistics, sheet, adapter } = options;
  const identities = options.identities ?? Math.min(count, Math.max(2, Math.round(count / FACES_PER_IDENTITY)));
  if (identities > count) {
    throw new InputError(`Option --identities is ${identities} and --count ${count}: expected at least one face for each person.`);
  }
  await expectWritableFolder(out);
  const progress = new Progress();
  const interrupt = new Interrupt(
    () => progress.say('Stopping ...'),
    () => progress.end(),
  );
  const advance = (done: number) => {
    interrupt.check(() => `Stopped; ${out} was not written.`);
    progress.update(done);
  };
  const engine = await openDevice(adapter, (line) => progress.say(line));
  try {
    progress.begin('Rendering', count, { unit: 'faces' });
    const faces = await renderFaces(engine, { count, identities, firstIdentity: 0, imageSize: size, seed, mode: statistics }, advance);
    progress.end();
    const picture = sheet ? await renderContactSheet({ device: engine.device, ...(await faceAssets()), imageSize: SHEET_TILE, identity: 0 }) : null;
    progress.begin('Writing', count + 3, { unit: 'files' });
    const { actionUnits, intensities: values } = faces;
    await writeFaceFolder(out, faces, { intensities: { actionUnits, values }, onProgress: advance });
    progress.end();
    if (picture) {
      const tiles = picture.tiles.map(({ rgba }) => ({ width: picture.imageSize, height: picture.imageSize, rgba }));
      await writeFile(join(out, 'contact-sheet.png'), pngOf(tile(tiles, SHEET_COLUMNS)));
      progress.say(`contact-sheet.png, from left to right: ${picture.tiles.map(({ title }) => title).join(', ')}`);
    }
    progress.say(`${count} faces of ${identities} people are in ${out} (labels.csv, landmarks.csv, intensities.csv, images/).`);
  } finally {
    progress.end();
    interrupt.dispose();
    engine.destroy();
  }
}
