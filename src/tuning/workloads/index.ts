/** From a problem to launches that can be timed. */
import type { Engine } from '../../engine/index.js';
import type { TracedProblem } from '../trace.js';
import { launchesWorkload } from './launches.js';
import { matmulWorkload } from './matmul.js';
import {
  attentionWorkload,
  augmentImagesWorkload,
  batchNormWorkload,
  columnFinishWorkload,
  columnSharesWorkload,
  layerNormWorkload,
  regionPoolWorkload,
  relationMarginalsWorkload,
  sinkhornWorkload,
  softmaxWorkload,
} from './model-kernels.js';
import type { Workload } from './workload.js';

export type { Workload } from './workload.js';

type MakeWorkload = (engine: Engine, traced: TracedProblem) => Workload | null;

/**
 * How the problems of each family are made, in the order in which families are tuned: a later one is timed with the
 * winners of the earlier ones in force (how a product is split depends on its kernel, not the other way round).
 */
const WORKLOADS: Readonly<Record<string, MakeWorkload>> = {
  matmul: (engine, { problem }) => matmulWorkload(engine, problem),
  'matmul-f16': (engine, { problem }) => matmulWorkload(engine, problem),
  'matmul-splits': (engine, { problem }) => matmulWorkload(engine, problem),
  'column-shares': (engine, { problem }) => columnSharesWorkload(engine, problem),
  'column-finish': (engine, { problem }) => columnFinishWorkload(engine, problem),
  'attention-forward': (engine, { problem }) => attentionWorkload(engine, problem, 'forward'),
  'attention-backward': (engine, { problem }) => attentionWorkload(engine, problem, 'backward'),
  rows: launchesWorkload,
  'layer-norm': (engine, { problem }) => layerNormWorkload(engine, problem),
  'batch-norm': (engine, { problem }) => batchNormWorkload(engine, problem),
  softmax: (engine, { problem }) => softmaxWorkload(engine, problem),
  items: launchesWorkload,
  'region-pool': (engine, { problem }) => regionPoolWorkload(engine, problem, 'forward'),
  'region-pool-backward': (engine, { problem }) => regionPoolWorkload(engine, problem, 'backward'),
  'region-pool-maps': (engine, { problem }) => regionPoolWorkload(engine, problem, 'maps'),
  'sinkhorn-tiles': (engine, { problem }) => sinkhornWorkload(engine, problem, true),
  sinkhorn: (engine, { problem }) => sinkhornWorkload(engine, problem, false),
  'relation-marginals': (engine, { problem }) => relationMarginalsWorkload(engine, problem),
  'augment-images': (engine, { problem }) => augmentImagesWorkload(engine, problem),
};

/** Families that can be tuned, in tuning order. */
export const TUNED_FAMILIES: readonly string[] = Object.keys(WORKLOADS);

/** The launches of a problem with synthetic data, in the caller's scope; null when there are none to time. */
export function workloadOf(engine: Engine, traced: TracedProblem): Workload | null {
  return WORKLOADS[traced.family]?.(engine, traced) ?? null;
}
