/** The package as someone else gets it: packed, put into an empty project, imported, typed and run. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { createReadStream } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { createGunzip } from 'node:zlib';
import { build } from 'esbuild';
import { extract } from 'tar-fs';

const run = promisify(execFile);
/** The checkout, seen from dist/test. */
const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
const TSC = join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc');

let project = '';

/** Runs Node in the project; an exit code that is not 0 fails the test with what was printed. */
async function node(...args: string[]): Promise<string> {
  return (await run(process.execPath, args, { cwd: project })).stdout;
}

before(async () => {
  // What `npm pack` does first by itself (prepack), without the build: other tests run from dist meanwhile.
  await run(process.execPath, [TSC, '-p', 'tsconfig.declarations.json'], { cwd: ROOT });
  project = await mkdtemp(join(tmpdir(), 'zygo-package-'));
  const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm';
  const { stdout } = await run(npm, ['pack', '--ignore-scripts', '--json', '--pack-destination', project], {
    cwd: ROOT,
    shell: process.platform === 'win32',
  });
  const [{ filename }] = JSON.parse(stdout) as { filename: string }[];
  const installed = join(project, 'node_modules', 'zygo');
  await mkdir(installed, { recursive: true });
  const strip = 1; // all files of an npm tarball lie in package/
  await pipeline(createReadStream(join(project, filename)), createGunzip(), extract(installed, { strip }));
  // Its dependencies as npm would install them, from this checkout's own, so that no network is needed.
  const { dependencies } = JSON.parse(await readFile(join(installed, 'package.json'), 'utf8')) as { dependencies: Record<string, string> };
  for (const name of Object.keys(dependencies)) {
    const link = join(project, 'node_modules', name);
    await mkdir(dirname(link), { recursive: true });
    await symlink(join(ROOT, 'node_modules', name), link, 'junction');
  }
  await writeFile(join(project, 'package.json'), '{ "name": "someone", "type": "module" }\n');
});

after(() => rm(project, { recursive: true, force: true }));

test('the example of a kernel of your own trains in an empty project', async () => {
  await cp(join(ROOT, 'docs', 'examples', 'own-kernel.mjs'), join(project, 'own-kernel.mjs'));
  const losses = [...(await node('own-kernel.mjs')).matchAll(/loss ([\d.]+)/g)].map((match) => Number(match[1]));
  assert.ok(losses.length >= 3, `several losses expected, given ${losses.join(', ')}`);
  assert.ok(losses[0] > 0.5, `the first loss is that of guessing, near ln 2 = 0.69: ${losses[0]}`);
  assert.ok(losses[losses.length - 1] < 0.05, `the spirals must be told apart at the end: ${losses.join(', ')}`);
});

test('every entry point is typed: what fits compiles, what does not is an error', async () => {
  await writeFile(
    join(project, 'typed.ts'),
    `import { Engine, InputError, type Tensor } from 'zygo/engine';
     import { linear, openEngine } from 'zygo/kernels';
     import { PRESETS, presetNamed, SelfSupervisedTrainer, type FaceDataset, type StepMetrics } from 'zygo/model';
     import { findNodeGpu, readFaceFolder } from 'zygo/node';
     import { choicesOf, lookupOf, tuneStep, type TuningRecord } from 'zygo/tuning';
     export async function go(folder: string): Promise<StepMetrics[]> {
       const { adapter } = await findNodeGpu();
       const engine: Engine = await openEngine(adapter);
       const { records } = await tuneStep((tuned) => linear(tuned, tuned.zeros([2, 3]), tuned.zeros([4, 3]), null), { open: () => openEngine(adapter), sources: {} });
       const first: TuningRecord | undefined = records[0];
       const choices = choicesOf(first ? [first] : []);
       engine.useTuned(choices && lookupOf(choices));
       const y: Tensor = linear(engine, engine.zeros([2, 3]), engine.zeros([4, 3]), null);
       if (y.shape.length !== 2) throw new InputError('no matrix');
       const data: FaceDataset = await readFaceFolder(folder, { imageSize: presetNamed('tiny').faceSize });
       const trainer = await SelfSupervisedTrainer.create(engine, { preset: PRESETS.tiny, data, batch: 4, steps: 2, seed: 1 });
       const metrics: StepMetrics[] = [];
       await trainer.train((step) => void metrics.push(step));
       return metrics;
     }
     // @ts-expect-error a number is no engine
     linear(1, 2, 3, null);
     // @ts-expect-error a record is no list of records
     choicesOf({} as TuningRecord);
     // @ts-expect-error the batch is missing
     SelfSupervisedTrainer.create({} as Engine, { preset: PRESETS.tiny, data: {} as FaceDataset, steps: 2, seed: 1 });
     // @ts-expect-error there is no such adapter
     findNodeGpu({ adapter: 'cuda' });
    `,
  );
  const options = '--noEmit --strict --skipLibCheck --module NodeNext --moduleResolution NodeNext --target ES2022'.split(' ');
  const { stdout } = await run(process.execPath, [TSC, ...options, 'typed.ts'], { cwd: project }).catch((error: { stdout: string }) => error);
  assert.equal(stdout, '');
});

test('engine, kernels and model can be bundled for a browser, and the Node entry point cannot', async () => {
  const bundle = (contents: string) =>
    build({
      stdin: { contents, resolveDir: project },
      bundle: true,
      write: false,
      platform: 'browser',
      format: 'esm',
      logLevel: 'silent',
    });
  const { outputFiles } = await bundle(`export * from 'zygo/engine'; export * from 'zygo/kernels'; export { tuneStep } from 'zygo/tuning'; export { PRESETS } from 'zygo/model';`);
  assert.doesNotMatch(outputFiles[0].text, /from ["']node:|require\(/);
  await assert.rejects(bundle(`export * from 'zygo/node';`), /zygo\/node/);
});

test('the installed command runs', async () => {
  const { bin, version } = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8')) as { bin: { zygo: string }; version: string };
  assert.equal((await node(join('node_modules', 'zygo', bin.zygo), '--version')).trim(), version);
  assert.match(await node(join('node_modules', 'zygo', bin.zygo), 'train', '--help'), /--preset/);
});
