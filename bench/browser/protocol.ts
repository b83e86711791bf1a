/** The messages between a page and the Worker that owns the device. All of them are plain data and survive JSON. */
import type { WebGpuProblem } from '../../src/platform/browser/gpu.js';
import type { RunRequest } from '../harness/options.js';
import type { RunEvent } from '../harness/result.js';
import type { BenchResult } from '../harness/schema.js';

/** What a page cannot find out: who serves it tells it. */
export type HostEnvironment = Pick<BenchResult['environment'], 'zygo' | 'commit' | 'date' | 'system' | 'runtime' | 'flags'>;

/** To the Worker: one order each. */
export type Order =
  | { readonly kind: 'run'; readonly request: RunRequest; readonly host: HostEnvironment }
  | { readonly kind: 'list'; readonly request: RunRequest };

/** Why a run ended: what is asked for cannot be used, the device or browser failed, or a fault in Zygo. */
export type FailureKind = 'input' | 'device' | 'unexpected';

/** From the Worker. 'done' or 'failed' is the last one. */
export type Report =
  | RunEvent
  | { readonly kind: 'names'; readonly names: readonly string[] }
  | { readonly kind: 'unsupported'; readonly problem: WebGpuProblem }
  | { readonly kind: 'failed'; readonly failure: FailureKind; readonly message: string; readonly stack: string }
  | { readonly kind: 'done' };
