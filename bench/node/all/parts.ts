/** What `bench all` does, in order: each part is a command that anybody can run by itself. */
import { spawnSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { PRESETS } from '../../../src/model/presets.js';
import { reasonOf } from '../../../src/cli/folders.js';
import { TRAINING_PREFIX } from './training-speed.js';

/** dist/, and the folder of the repository above it. */
const DIST = fileURLToPath(new URL('../../../', import.meta.url));
const ROOT = join(DIST, '..');

export interface PartContext {
  readonly software: boolean;
  /** Folder for logs and raw results, which is not kept in the repository. */
  readonly work: string;
  readonly adapter: 'auto' | 'software';
  /** Where PyTorch is to run: 'auto' means on CUDA or not at all. */
  readonly torch: 'auto' | 'cpu' | 'none';
  /** True when zygo tune has stored something for this adapter by now. */
  readonly tuned: () => Promise<boolean>;
  /** True when the adapter has subgroup matrices for those who ask Dawn for them. */
  readonly matrices: () => Promise<boolean>;
}

/** What a part runs, or why it cannot. */
export type PartCommand = { readonly command: string; readonly args: readonly string[] } | { readonly skip: string };

export interface Part {
  readonly name: string;
  /** In words, for the table. */
  readonly title: string;
  /** Of the time that is given: no part takes more before the others have had theirs. */
  readonly share: number;
  command(): Promise<PartCommand> | PartCommand;
}

/** Raw result of a part that measures a suite. */
export const rawFile = (work: string, part: string): string => join(work, `${part}.json`);

/** Parts whose results are put together in one file; where two measured the same, the later one counts. */
export const MEASURED_PARTS = ['products', 'steps', 'rivals', 'bandwidth', 'steps-tuned', 'peers', 'kernels', 'series'] as const;
/** The part that measures with subgroup matrices: of other Dawn toggles, so in a file of its own. */
export const MATRIX_PARTS = ['products-matrix'] as const;
/** PyTorch's parts go on with one file, each with what was measured by then. */
export const PYTORCH_PARTS = ['pytorch'] as const;

/** Parts that run in Chrome, put together in a third. */
export const CHROME_PARTS = ['chrome', 'chrome-peers'] as const;
/** All of them. */
export const RAW_PARTS = [...MEASURED_PARTS, ...MATRIX_PARTS, ...PYTORCH_PARTS, ...CHROME_PARTS] as const;

/** Groups of the suites, by their names. */
const GROUPS = {
  // Squares; products of a model's shapes, and those of f16 without matrices, come with the other kernels.
  products: '^Ladder of matmul: matmul ',
  halfProducts: 'Ladder of matmul-f16: matmul ',
  softwareHalfProducts: 'Ladder of matmul-f16: matmul f16 [256, 256]',
  // With ", " the same in mixed precision, with less memory kept, and in micro-batches.
  steps: 'training step of tiny: |training step of small: |training step of swin-t: |training step of tiny, |training step of swin-t, ',
  rivals: 'fused and ',
  bandwidth: '^layerNorm [|^softmax |^gelu |^add |^adamw|^ema of|^gradient norm',
  softwareStep: 'training step of tiny: ',
  softwarePeers: '256',
} as const;

/** Faces and steps of the short training; few on a software adapter. */
const TRAINING = { gpu: { faces: 1200, steps: 160 }, software: { faces: 240, steps: 12 } } as const;

/** What findPython found: importing PyTorch takes many seconds on a machine that has just been started. */
const foundPython = new Map<string, ReturnType<typeof searchPython>>();

/** The first Python that has PyTorch and, unless the CPU is asked for, a CUDA device. */
function findPython(torch: 'auto' | 'cpu'): ReturnType<typeof searchPython> {
  const found = foundPython.get(torch) ?? searchPython(torch);
  foundPython.set(torch, found);
  return found;
}

function searchPython(torch: 'auto' | 'cpu'): { readonly python: string } | { readonly skip: string } {
  let reason = 'no python3 with PyTorch was found';
  for (const python of ['python3', '/usr/bin/python3']) {
    const found = spawnSync(python, ['-c', 'import torch; print("cuda" if torch.cuda.is_available() else "cpu")'], { encoding: 'utf8' });
    if (found.status !== 0) continue;
    if (torch === 'cpu' || found.stdout.trim() === 'cuda') return { python };
    reason = 'PyTorch here has no CUDA device';
  }
  return { skip: reason };
}

/** Null where Chrome can run on the same kind of adapter as this process, otherwise why it cannot. */
async function withoutChrome(software: boolean): Promise<string | null> {
  try {
    // Loaded when it is wanted: everything else runs without the packages that start a browser.
    const { findChrome } = await import('../../../src/platform/node/chrome.js');
    const { origin } = await findChrome();
    return origin === 'bundled' && !software ? 'the bundled Chromium has a software adapter only; install Chrome, or set CHROME_PATH' : null;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ERR_MODULE_NOT_FOUND' ? 'the npm packages that start Chrome are not here' : reasonOf(error);
  }
}

/**
 * All parts for a device, the most important first: what is right, how fast the products and the training steps are,
 * how fast others are, and only then everything else.
 */
export function partsOf({ software, work, adapter, torch, tuned, matrices }: PartContext): Part[] {
  const zygo = (...args: string[]) => ({ command: process.execPath, args: [join(DIST, 'src/cli/main.js'), ...args, '--adapter', adapter] });
  const suite = (part: string, name: string, filter: string | null, ...more: string[]): PartCommand => ({
    command: process.execPath,
    args: [
      join(DIST, 'bench/main.js'),
      ...['--suite', name, '--continue', '--json', rawFile(work, part), '--adapter', adapter],
      ...(filter === null ? [] : ['--filter', filter]),
      ...more,
    ],
  });
  const offered = async (): Promise<string[]> => ((await tuned()) ? ['--tuned'] : []);
  const pytorch = async (): Promise<PartCommand> => {
    if (torch === 'none') return { skip: 'not asked for' };
    const found = findPython(torch);
    if ('skip' in found) return found;
    const presets = join(work, 'presets.json');
    await writeFile(presets, JSON.stringify(PRESETS));
    // PyTorch has mixed precision in f16 with a loss scale, as Zygo's, on CUDA only.
    const device = torch === 'cpu' ? ['--device', 'cpu', '--autocast', 'bfloat16'] : ['--autocast', 'float16'];
    const rows = [...MEASURED_PARTS, ...MATRIX_PARTS].flatMap((name) => ['--rows', rawFile(work, name)]);
    return { command: found.python, args: [join(ROOT, 'bench/pytorch/run.py'), '--continue', ...rows, '--presets', presets, '--json', rawFile(work, PYTORCH_PARTS[0]), ...device] };
  };
  const chrome = async (part: string, name: string): Promise<PartCommand> => {
    const skip = await withoutChrome(software);
    return skip === null ? suite(part, name, null, '--chrome') : { skip };
  };
  const withMatrices = async (given: PartCommand): Promise<PartCommand> => ((await matrices()) ? given : { skip: 'this adapter offers no subgroup matrices of f16 that are summed in f32' });
  const { faces, steps } = TRAINING[software ? 'software' : 'gpu'];
  const gpuOnly = (...parts: Part[]): Part[] => (software ? [] : parts);
  return [
    { name: 'verify', title: 'every kernel and variant against float64', share: 0.2, command: () => zygo('verify', '--json', join(work, 'verify.json')) },
    ...gpuOnly({ name: 'products', title: 'square matrix products, every variant', share: 0.1, command: () => suite('products', 'kernels', GROUPS.products) }),
    { name: 'steps', title: software ? 'a training step of tiny' : 'training steps of every preset', share: 0.2, command: () => suite('steps', 'training', software ? GROUPS.softwareStep : GROUPS.steps) },
    { name: 'pytorch', title: 'PyTorch eager on the same device: steps and products', share: 0.15, command: pytorch },
    { name: 'verify-matrix', title: 'products of f16 with subgroup matrices against float64', share: 0.03, command: () => withMatrices(zygo('verify', '--subgroup-matrix', '--filter', 'operands f16', '--json', join(work, 'verify-matrix.json'))) },
    {
      name: 'products-matrix',
      title: 'products of f16 with subgroup matrices beside every other variant',
      share: 0.07,
      command: () => withMatrices(suite('products-matrix', 'kernels', software ? GROUPS.softwareHalfProducts : GROUPS.halfProducts, '--subgroup-matrix')),
    },
    ...gpuOnly(
      { name: 'rivals', title: 'fused attention, blocks and transport beside separate kernels', share: 0.12, command: () => suite('rivals', 'kernels', GROUPS.rivals) },
      { name: 'bandwidth', title: 'kernels that the memory bounds', share: 0.05, command: () => suite('bandwidth', 'kernels', GROUPS.bandwidth) },
      { name: 'pytorch-rivals', title: 'PyTorch eager: what was measured since', share: 0.08, command: pytorch },
    ),
    { name: 'peers', title: 'other WebGPU libraries', share: 0.2, command: () => suite('peers', 'peers', software ? GROUPS.softwarePeers : null) },
    { name: 'tune', title: 'kernel choices of tiny', share: 0.1, command: () => zygo('tune', '--preset', 'tiny', '--json', join(work, 'tune-tiny.json')) },
    ...gpuOnly(
      { name: 'tune-swin-t', title: 'kernel choices of swin-t', share: 0.1, command: () => zygo('tune', '--preset', 'swin-t', '--json', join(work, 'tune-swin-t.json')) },
      {
        name: 'tune-mixed',
        title: 'kernel choices of swin-t in mixed precision',
        share: 0.1,
        command: () => zygo('tune', '--preset', 'swin-t', '--precision', 'mixed', '--json', join(work, 'tune-swin-t-mixed.json')),
      },
      { name: 'steps-tuned', title: 'training steps with the tuned choices', share: 0.1, command: async () => ((await tuned()) ? suite('steps-tuned', 'training', GROUPS.steps, '--tuned') : { skip: 'nothing was tuned' }) },
    ),
    { name: 'kernels', title: software ? 'the quick suite' : 'kernels, ladders and rivals', share: 0.3, command: async () => suite('kernels', software ? 'quick' : 'kernels', null, ...(await offered())) },
    { name: 'chrome', title: 'the quick suite in Chrome', share: 0.1, command: () => chrome('chrome', 'quick') },
    ...gpuOnly({ name: 'chrome-peers', title: 'other WebGPU libraries in Chrome', share: 0.1, command: () => chrome('chrome-peers', 'peers') }),
    ...gpuOnly({ name: 'series', title: 'training steps over batch, image size and number of AUs', share: 0.05, command: () => suite('series', 'training', 'training step of tiny over') }),
    {
      name: 'train',
      title: `a short training of tiny: ${steps} steps`,
      share: 0.1,
      command: () =>
        zygo('train', '--preset', 'tiny', '--budget', 'demo', '--steps', String(steps), '--faces', String(faces), '--no-global-only', '--no-supervised', '--out', join(work, `${TRAINING_PREFIX}${Date.now()}`)),
    },
    { name: 'pytorch-kernels', title: 'PyTorch eager: all other kernels', share: 0.1, command: pytorch },
  ];
}
