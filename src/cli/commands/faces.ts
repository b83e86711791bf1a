import { Command } from 'commander';
import type { FacesOptions } from '../faces/write-faces.js';
import { adapterOption, seedOption, statisticsOption, verboseOption, wholeNumber } from '../options.js';

const EXAMPLES = `
Files in DIR:
  images/0000.png ...   the faces, RGB, as wide as high
  labels.csv            image_path, identity, au1, au2, ...: 1 present (intensity 2 or more), 0 absent
  landmarks.csv         image_path, x_0, y_0 to x_48, y_48: 49 points in pixels, y down
  intensities.csv       image_path, au1, au2, ...: intensity from 0 to 5, the stronger side of the face
  contact-sheet.png     with --sheet: one person at rest and with each AU alone at intensity 5

Examples:
  zygo faces --out faces --count 64 --seed 1
  zygo faces --out big --count 1000 --identities 100 --size 224 --statistics disfa --sheet
  zygo train --data faces                        train on them`;

/** `zygo faces`: synthetic faces as files. */
export function facesCommand(): Command {
  return new Command('faces')
    .description('Render synthetic faces with AU labels, intensities and landmarks into a new folder.')
    .requiredOption('--out <dir>', 'folder to make; it must not be there yet, or be empty')
    .requiredOption('--count <number>', 'how many faces', wholeNumber('--count', 1, 1_000_000))
    .addOption(seedOption(1))
    .option('--size <pixels>', 'width and height of each image in pixels, 16 to 1024', wholeNumber('--size', 16, 1024), 112)
    .option('--identities <number>', 'how many different people (default: one for 10 faces, at least 2)', wholeNumber('--identities', 1, 1_000_000))
    .addOption(statisticsOption())
    .option('--sheet', 'also draw contact-sheet.png', false)
    .addOption(adapterOption())
    .addOption(verboseOption())
    .addHelpText('after', EXAMPLES)
    .action(async (options: FacesOptions) => (await import('../faces/write-faces.js')).writeFaces(options));
}
