/** What `bench all` does, in order: each part is a command that anybody can run by itself. */
import { spawnSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { PRESETS } from '../../../src/model/presets.js';

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
}

/** What a part runs, or why it cannot. */
export type PartCommand = { readonly command: string; readonly args: readonly string[] } | { readonly skip: string };

export interface Part {
  readonly name: string;
  /** In words, for the table. */
  readonly title: string;
  command(): Promise<PartCommand> | PartCommand;
}

/** Raw result of a part that measures a suite. */
export const rawFile = (work: string, part: string): string => join(work, `${part}.json`);

/** Parts whose results are put together in one file. */
export const MEASURED_PARTS = ['kernels', 'training', 'peers'] as const;

/** On a software adapter: one group of training steps, and of the kernels the quick suite. */
const SOFTWARE_STEP = 'training step of tiny: 32 faces of 64 x 64';

/** Faces and steps of the short training; few on a software adapter. */
const TRAINING = { gpu: { faces: 1200, steps: 160 }, software: { faces: 240, steps: 12 } } as const;

/** The first Python that has PyTorch and, unless the CPU is asked for, a CUDA device. */
function findPython(torch: 'auto' | 'cpu'): { readonly python: string } | { readonly skip: string } {
  let reason = 'no python3 with PyTorch was found';
  for (const python of ['python3', '/usr/bin/python3']) {
    const found = spawnSync(python, ['-c', 'import torch; print("cuda" if torch.cuda.is_available() else "cpu")'], { encoding: 'utf8' });
    if (found.status !== 0) continue;
    if (torch === 'cpu' || found.stdout.trim() === 'cuda') return { python };
    reason = 'PyTorch here has no CUDA device';
  }
  return { skip: reason };
}

/** All parts for a device. */
export function partsOf({ software, work, adapter, torch, tuned }: PartContext): Part[] {
  const zygo = (...args: string[]) => ({ command: process.execPath, args: [join(DIST, 'src/cli/main.js'), ...args, '--adapter', adapter] });
  const suite = async (part: string, name: string, filter: string | null, offersTuned: boolean): Promise<PartCommand> => ({
    command: process.execPath,
    args: [
      join(DIST, 'bench/main.js'),
      ...['--suite', name, '--continue', '--json', rawFile(work, part), '--adapter', adapter],
      ...(filter === null ? [] : ['--filter', filter]),
      ...(offersTuned && (await tuned()) ? ['--tuned'] : []),
    ],
  });
  const { faces, steps } = TRAINING[software ? 'software' : 'gpu'];
  return [
    { name: 'verify', title: 'every kernel and variant against float64', command: () => zygo('verify', '--json', join(work, 'verify.json')) },
    { name: 'tune', title: 'kernel choices of tiny', command: () => zygo('tune', '--preset', 'tiny', '--json', join(work, 'tune-tiny.json')) },
    ...(software ? [] : [{ name: 'tune-swin-t', title: 'kernel choices of swin-t', command: () => zygo('tune', '--preset', 'swin-t', '--json', join(work, 'tune-swin-t.json')) }]),
    { name: 'kernels', title: software ? 'the quick suite' : 'kernels, ladders and rivals', command: () => suite('kernels', software ? 'quick' : 'kernels', null, true) },
    { name: 'training', title: software ? 'training steps of tiny' : 'training steps of every preset', command: () => suite('training', 'training', software ? SOFTWARE_STEP : null, true) },
    {
      name: 'peers',
      title: 'other WebGPU libraries',
      command: () => suite('peers', 'peers', software ? '256' : null, false),
    },
    {
      name: 'train',
      title: `a short training of tiny: ${steps} steps`,
      command: () =>
        zygo('train', '--preset', 'tiny', '--budget', 'demo', '--steps', String(steps), '--faces', String(faces), '--no-global-only', '--no-supervised', '--out', join(work, `train-${Date.now()}`)),
    },
    {
      name: 'pytorch',
      title: 'PyTorch eager on the same device',
      async command() {
        if (torch === 'none') return { skip: 'not asked for' };
        const found = findPython(torch);
        if ('skip' in found) return found;
        const rows = MEASURED_PARTS.slice(0, 2).flatMap((part) => ['--rows', rawFile(work, part)]);
        const presets = join(work, 'presets.json');
        await writeFile(presets, JSON.stringify(PRESETS));
        const device = torch === 'cpu' ? ['--device', 'cpu'] : [];
        return { command: found.python, args: [join(ROOT, 'bench/pytorch/run.py'), ...rows, '--presets', presets, '--json', rawFile(work, 'pytorch'), ...device] };
      },
    },
  ];
}
