/** What stands above the table: everything a bug report has to say about the machine. */
import { createRequire } from 'node:module';
import { cpus, release } from 'node:os';
import type { Engine } from '../../engine/index.js';
import { deviceFacts, type DeviceFacts } from '../../verify/device-facts.js';
import { gitCommit, zygoVersion } from '../version.js';

/** The code and the machine that a run was made with, as far as no device tells it. */
export interface HostFacts {
  readonly zygo: string;
  /** Commit of the checkout; null outside one. */
  readonly commit: string | null;
  readonly date: string;
  /** Operating system and processor. */
  readonly system: string;
}

/** The machine that kernels were verified on. */
export interface VerifyEnvironment extends HostFacts, DeviceFacts {
  readonly node: string;
  /** Version of the npm package `webgpu`, which is Dawn. */
  readonly dawn: string;
}

/** "2 cores of AMD EPYC 9B14", as far as the system tells. */
function processor(): string {
  const cores = cpus();
  const model = cores[0]?.model.trim();
  return `${cores.length} cores${model && model !== 'unknown' ? ` of ${model}` : ''}`;
}

/** Describes the checkout, the time, the operating system and the processor. */
export function hostFacts(): HostFacts {
  return { zygo: zygoVersion(), commit: gitCommit(), date: new Date().toISOString(), system: `${process.platform} ${process.arch} ${release()}, ${processor()}` };
}

/** Describes an engine's device and this process. */
export function environmentOf(engine: Engine): VerifyEnvironment {
  return {
    ...hostFacts(),
    node: process.version,
    dawn: (createRequire(import.meta.url)('webgpu/package.json') as { version: string }).version,
    ...deviceFacts(engine),
  };
}

/** The header of the table, line by line. */
export function environmentLines(environment: VerifyEnvironment): string[] {
  const { zygo, commit, date, system, node, dawn, adapter, features, limits, subgroupSize } = environment;
  const known = (text: string): string => text.trim() || 'not told';
  return [
    `zygo verify: Zygo ${zygo}${commit ? ` (${commit.slice(0, 12)}${commit.includes('+') ? ' with changes' : ''})` : ''}, ${date}`,
    `system:         ${system}, Node ${node}, Dawn (npm webgpu) ${dawn}`,
    `adapter:        vendor ${known(adapter.vendor)}, architecture ${known(adapter.architecture)}, device ${known(adapter.device)}` +
      (adapter.software ? ' (software: runs on the CPU)' : ''),
    `driver:         ${known(adapter.description)}`,
    `features:       ${features.join(', ') || 'none'}`,
    `subgroup size:  ${subgroupSize ? `${subgroupSize.min} to ${subgroupSize.max}` : 'not told'}`,
    `limits:         ${Object.entries(limits).map(([name, value]) => `${name} ${value}`).join(', ')}`,
  ];
}
