/** Whatever is wrong with what was given: exit code 2, one sentence on stderr, and nothing left on the disk. */
import assert from 'node:assert/strict';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { BP4D_AUS } from '../src/data/action-units.js';
import { encodeSafetensors } from '../src/model/checkpoint/safetensors.js';
import { encodeSnapshot } from '../src/model/checkpoint/training-state.js';
import { PRESETS } from '../src/model/presets.js';
import { writeFaceFolder } from '../src/platform/node/image-files.js';
import { everythingIn, noiseFaces, zygo, type Ended } from './cli-process.js';

let folder = '';
let untouched: string[] = [];

/** A face folder with one thing replaced in one of its files. */
async function spoiledFolder(name: string, file: string, change: (text: string) => string): Promise<void> {
  const path = join(folder, name);
  await writeFaceFolder(path, noiseFaces(24, 8));
  await writeFile(join(path, file), change(await readFile(join(path, file), 'utf8')));
}

async function writeCheckpoint(name: string, backbone: object, step = 3): Promise<Uint8Array> {
  const architecture = JSON.stringify({ backbone, heads: PRESETS.tiny.heads, regions: BP4D_AUS });
  const tensors = new Map([['online.x', { dtype: 'F32', shape: [4], data: new Float32Array(4) } as const]]);
  const bytes = encodeSnapshot({ step, preset: 'tiny', architecture, tensors });
  await writeFile(join(folder, name), bytes);
  return bytes;
}

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'zygo-bad-input-'));
  await spoiledFolder('no-column', 'labels.csv', (text) => text.replace('image_path', 'picture'));
  await spoiledFolder('no-landmark-column', 'landmarks.csv', (text) => text.replace('x_17', 'x_170'));
  await spoiledFolder('bad-value', 'labels.csv', (text) => text.replace(/^(images\/0004\.png,person 4,)[01]/m, '$12'));
  await spoiledFolder('bad-image', 'images/0007.png', () => 'this is no picture');
  await writeFaceFolder(join(folder, 'one-person'), noiseFaces(24, 1));
  await writeFaceFolder(join(folder, 'few-faces'), noiseFaces(8, 4));
  await mkdir(join(folder, 'no-csv'));
  const { backbone } = PRESETS.tiny;
  const whole = await writeCheckpoint('whole.safetensors', backbone);
  await writeCheckpoint('other.safetensors', { ...backbone, embedDim: 48, windowSize: 8 });
  await writeCheckpoint('late.safetensors', backbone, 5000);
  await writeFile(join(folder, 'cut.safetensors'), whole.subarray(0, whole.length - 5));
  await writeFile(join(folder, 'foreign.safetensors'), encodeSafetensors({ tensors: new Map(), metadata: new Map() }));
  await writeFile(join(folder, 'file'), 'a file');
  // A loader hook puts a Dawn without adapters in the place of the real one.
  const dawn = 'export const globals = {}; export const create = () => ({ requestAdapter: async () => null });';
  const hook =
    `export const resolve = (name, context, next) => name === 'webgpu' ` +
    `? { url: ${JSON.stringify(`data:text/javascript,${encodeURIComponent(dawn)}`)}, shortCircuit: true } : next(name, context);`;
  await writeFile(
    join(folder, 'no-adapter.mjs'),
    `import { register } from 'node:module'; register(${JSON.stringify(`data:text/javascript,${encodeURIComponent(hook)}`)});`,
  );
  untouched = await everythingIn(folder);
});

after(() => rm(folder, { recursive: true, force: true }));

async function expectRefused(ended: Ended, sentence: RegExp): Promise<void> {
  const { code, stderr } = ended;
  assert.equal(code, 2, `exit code 2 expected; stderr: ${stderr}`);
  assert.match(stderr, sentence);
  assert.equal(stderr.trimEnd().split('\n').length, 1, `one line expected on stderr: ${stderr}`);
  assert.match(stderr, /[.)]\n$/, 'a sentence ends with a full stop');
  assert.doesNotMatch(stderr, /\n\s+at /, 'no stack trace');
  assert.deepEqual(await everythingIn(folder), untouched, 'nothing may be left behind');
}

const CASES: readonly (readonly [name: string, args: string, sentence: RegExp])[] = [
  ['an unknown option', 'train --epochs 3', /Unknown option '--epochs': expected what "zygo train --help" lists/],
  ['a misspelt option', 'train --step 3', /'--step' \(Did you mean --steps\?\)/],
  ['an unknown command', 'trian', /Unknown command 'trian' \(Did you mean train\?\)/],
  ['an argument too many', 'train my-faces', /[Tt]oo many arguments/],
  ['an option without its value', 'train --steps', /'--steps <number>' argument missing/],
  ['an unknown preset', 'train --preset huge', /no preset "huge"; expected one of tiny, small, swin-t/],
  ['an unknown budget', 'train --budget half', /--budget is "half": expected one of full, demo/],
  ['unknown statistics', 'train --statistics ck', /--statistics is "ck": expected one of bp4d, disfa/],
  ['an unknown adapter', 'train --adapter cuda', /--adapter is "cuda": expected one of auto, software/],
  ['steps that are no number', 'train --steps abc', /--steps is "abc": expected a whole number from 1/],
  ['no steps', 'train --steps 0', /--steps is "0": expected a whole number from 1/],
  ['negative steps', 'train --steps -1', /--steps is "-1": expected a whole number from 1/],
  ['half a step', 'train --steps 1.5', /--steps is "1.5": expected a whole number/],
  ['an empty number', 'train --seed=', /--seed is "": expected a whole number from 0/],
  ['a batch of one', 'train --batch 1', /--batch is "1": expected a whole number from 2/],
  ['too few faces', 'train --faces 4', /--faces is "4": expected a whole number from 20/],
  ['a seed too large', 'train --seed 4294967296', /--seed is "4294967296": expected a whole number from 0 to 4294967295/],
  ['an unknown loss', 'train --loss-weights colour=1', /"colour=1": expected global, region, contrast, relation/],
  ['a loss given twice', 'train --loss-weights region=1,region=2', /"region=2": expected .* each at most once/],
  ['a weight that is no number', 'train --loss-weights region=-1', /gives region the weight "-1": expected a number from 0/],
  ['all losses off', 'train --loss-weights global=0,region=0,contrast=0,relation=0', /switches every loss off/],
  ['a size that windows cannot divide', 'train --image-size 72', /Image size 72 .* 18x18, which windows of 4x4 cannot divide: expected .* multiple of 16/],
  ['a size that patches cannot divide', 'train --image-size 66', /Image size 66 cannot be divided into 4x4 patches/],
  ['a folder that is not there', 'train --data nowhere', /no folder nowhere: expected one with labels\.csv/],
  ['a file for a folder', 'train --data file', /no folder file/],
  ['a folder without labels.csv', 'train --data no-csv', /no-csv has no labels\.csv/],
  ['a CSV with a missing column', 'train --data no-column', /labels\.csv, line 1: column/],
  ['landmarks with a missing column', 'train --data no-landmark-column', /landmarks\.csv, line 1: column "x_170" is not known/],
  ['an AU value outside 0, 1 and 9', 'train --data bad-value', /labels\.csv, line 6, column au1: "2", expected 0 \(absent\), 1 \(present\) or 9/],
  ['an unreadable image', 'train --data bad-image', /labels\.csv, line 9, .*0007\.png.* neither PNG nor JPEG/],
  ['faces of one person', 'train --data one-person', /1 different identities: expected at least 2/],
  ['faces too few to probe', 'train --data few-faces', /AU 1 has known labels of 1 person .* expected at least 2 people/],
  ['synthetic options beside a folder', 'train --data one-person --faces 40', /--faces is for synthetic faces and cannot stand beside --data one-person/],
  ['a run folder that is not empty', 'train --out one-person', /one-person already holds 3 files or folders/],
  ['a run folder that is a file', 'train --out file', /file is a file: expected a new or empty folder/],
  ['a run folder that cannot be made', 'train --out file/run', /run cannot be made \(ENOTDIR\)/],
  ['a checkpoint that is not there', 'train --resume nowhere.safetensors', /checkpoint nowhere\.safetensors cannot be read \(ENOENT\)/],
  ['a truncated checkpoint', 'train --resume cut.safetensors', /cut\.safetensors, tensor online\.x: .* cut off or damaged/],
  ['a file that is no checkpoint', 'train --resume file', /file is not a safetensors file, or is cut off/],
  ['a safetensors file of something else', 'train --resume foreign.safetensors', /foreign\.safetensors is no Zygo training checkpoint/],
  [
    'a checkpoint of another architecture',
    'train --resume other.safetensors',
    /other\.safetensors is of another architecture .*: backbone\.embedDim 48, expected 32; backbone\.windowSize 8, expected 4\./,
  ],
  ['a checkpoint of another AU set', 'train --resume whole.safetensors --statistics disfa', /another architecture .*: regions \[1,2,4,6,7,10,/],
  ['a checkpoint from after the end', 'train --resume late.safetensors --steps 10', /is of step 5000, after the 10 steps of this run/],
  ['faces without --out', 'faces --count 4', /[Rr]equired option '--out <dir>' not specified/],
  ['faces into a folder that is not empty', 'faces --out one-person --count 4', /one-person already holds/],
  ['faces of size 9', 'faces --out new --count 4 --size 9', /--size is "9": expected a whole number from 16 to 1024/],
  ['more people than faces', 'faces --out new --count 4 --identities 5', /--identities is 5 and --count 4/],
  ['eval without a checkpoint', 'eval', /[Mm]issing required argument 'checkpoint'/],
  ['eval of a truncated checkpoint', 'eval cut.safetensors', /cut off or damaged/],
  ['eval on a folder that is not there', 'eval whole.safetensors --data nowhere', /no folder nowhere/],
];

for (const [name, args, sentence] of CASES) {
  test(`${name} is refused in one sentence`, async () => {
    await expectRefused(await zygo(args.split(' '), { cwd: folder }), sentence);
  });
}

for (const args of ['train --out run', 'faces --out new --count 4', 'eval whole.safetensors']) {
  test(`no WebGPU adapter is told in one sentence: zygo ${args}`, async () => {
    const ended = await zygo(args.split(' '), { cwd: folder, node: ['--import', join(folder, 'no-adapter.mjs')] });
    await expectRefused(ended, /No WebGPU adapter was found on this machine .* Install or update the graphics driver/);
  });
}

test('--verbose adds the stack trace', async () => {
  const { code, stderr } = await zygo(['train', '--data', 'nowhere', '--verbose'], { cwd: folder });
  assert.equal(code, 2);
  assert.match(stderr, /InputError: There is no folder nowhere[^]*\n\s+at /);
});

test('zygo alone shows its help and says that a command is missing', async () => {
  const { code, stderr } = await zygo([], { cwd: folder });
  assert.equal(code, 2);
  assert.match(stderr, /Usage: zygo[^]*No command was given/);
});

for (const [command, words] of [
  ['', ['train', 'faces', 'eval', 'Examples:', 'Exit codes']],
  ['train', ['--preset', '--data', '--resume', '--loss-weights', 'checkpoint.safetensors', 'Examples:', 'Ctrl-C']],
  ['faces', ['--out', '--count', '--size', 'pixels', 'labels.csv', 'intensity', 'Examples:']],
  ['eval', ['checkpoint', '--json', 'Examples:']],
] as const) {
  test(`zygo ${command} --help is complete`, async () => {
    const { code, stdout, stderr } = await zygo([...(command ? [command] : []), '--help'], { cwd: folder });
    assert.equal(code, 0);
    assert.equal(stderr, '');
    for (const word of words) assert.ok(stdout.includes(word), `${word} is missing in the help of "${command}"`);
  });
}
