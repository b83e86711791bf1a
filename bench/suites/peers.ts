/** `--suite peers`: Zygo beside other libraries, same process, same adapter, same shapes, same reference. */
import { layOut } from '../../src/model/parameters.js';
import { PRESETS } from '../../src/model/presets.js';
import { sslSpecs } from '../../src/model/ssl-model.js';
import type { Race } from '../harness/race.js';
import { ASSUMED_SHARE, blockCost, largestThatFits, stagesOf, type Stage, type SuiteContext } from './context.js';
import { attentionCase, layerNormCase, linearCase, productCase, softmaxCase } from './ops.js';
import { adamwRace } from './peer-adamw.js';
import { inferenceRaces } from './peer-inference.js';
import { racesOf, type PeerCase } from './peer-contestants.js';
import { stepRaces } from './peer-step.js';
import { sinkhornCase, transportCost, EPSILON } from './sinkhorn.js';

/** y = a b, squares. */
export function productPeer(size: number): PeerCase {
  return { op: 'matmul', given: productCase(size, size, size), settings: {}, passes: ['forward'], outputSize: size * size };
}

/** gelu(x Wᵀ + bias). */
export function linearPeer(model: string, tokens: number, inputs: number, outputs: number): PeerCase {
  return {
    op: 'linear',
    given: linearCase(model, tokens, inputs, outputs, { activation: 'gelu', residual: false }),
    settings: {},
    passes: ['forward'],
    outputSize: tokens * outputs,
  };
}

/** Layer normalisation with weight and bias. */
export function layerNormPeer(model: string, rows: number, columns: number): PeerCase {
  return { op: 'layerNorm', given: layerNormCase(model, rows, columns), settings: {}, passes: ['forward'], outputSize: rows * columns };
}

/** Softmax of every row. */
export function softmaxPeer(model: string, rows: number, columns: number): PeerCase {
  return { op: 'softmax', given: softmaxCase(model, rows, columns), settings: {}, passes: ['forward'], outputSize: rows * columns };
}

type AttentionStage = Pick<Stage, 'model' | 'size' | 'channels' | 'heads' | 'windowSize' | 'shift'>;

/** Shifted-window attention; peers compose it of their own ops, jax-js also with its own attention. */
export function attentionPeer({ model, size, channels, heads, windowSize, shift }: AttentionStage, batch: number): PeerCase {
  return {
    op: 'windowAttention',
    given: attentionCase(model, { batch, size, heads, channels, windowSize, shift }),
    settings: { heads, windowSize, shift },
    passes: ['forward', 'forward and backward'],
    outputSize: batch * size * size * channels,
  };
}

/** Batched Sinkhorn: Zygo iterates scalings; peers compose theirs of their own ops, in the same form and in the log domain. */
export function sinkhornPeer(batch: number, n: number, iterations: number): PeerCase {
  return {
    op: 'sinkhorn',
    given: sinkhornCase({ batch, n, iterations }, 'relation loss'),
    settings: { epsilon: EPSILON, iterations },
    passes: ['forward', 'forward and backward'],
    outputSize: batch * n * n,
  };
}

const SQUARES = [256, 512, 1024, 2048];
/** Products reach a larger share of the peak than other kernels are assumed to; a library that does not is left out by its own pace. */
const PRODUCT_SHARE = 0.25;
/** Images, largest first. */
const BATCHES: Readonly<Record<string, readonly number[]>> = { tiny: [16, 4], 'swin-t': [8, 4, 2, 1] };
const TRANSPORTS = [64, 1024];

function stageCases(stage: Stage, batch: number): PeerCase[] {
  const { model, size, channels, hidden, heads, windowSize } = stage;
  const tokens = batch * size * size;
  const windows = batch * (size / windowSize) ** 2;
  return [
    linearPeer(model, tokens, channels, hidden),
    attentionPeer(stage, batch),
    // Row ops once per preset: the later stages differ in size only.
    ...(stage.stage === 0 ? [layerNormPeer(model, tokens, channels), softmaxPeer(model, windows * heads * windowSize ** 2, windowSize ** 2)] : []),
  ];
}

/** The races; rows whose size this device cannot run in time are left out, in words. */
export function peerSuite(context: SuiteContext): Race[] {
  const { peers } = context;
  const dense = { ...context, flopsLimit: (context.flopsLimit * PRODUCT_SHARE) / ASSUMED_SHARE };
  const squares = SQUARES.filter((size) => largestThatFits(dense, `Peers: matmul ${size}³`, [size], (n) => ({ flops: 2 * n ** 3, bytes: 24 * n * n })) !== null);
  const stages = [...stagesOf(PRESETS.tiny), ...stagesOf(PRESETS['swin-t']).filter(({ stage }) => stage % 2 === 0)];
  const stageOps = stages.flatMap((stage) => {
    const batch = largestThatFits(context, `Peers: ${stage.model} stage ${stage.stage + 1}, images`, BATCHES[stage.model], (images) => blockCost(stage, images));
    return batch === null ? [] : stageCases(stage, batch);
  });
  const transports = TRANSPORTS.filter((batch) => {
    const sizes = { batch, n: 12, iterations: 50 };
    return largestThatFits(context, `Peers: Sinkhorn 12 x 12, problems`, [batch], (problems) => transportCost({ ...sizes, batch: problems })) !== null;
  });
  return [
    ...squares.flatMap((size) => racesOf(productPeer(size), peers)),
    ...stageOps.flatMap((own) => racesOf(own, peers)),
    ...transports.flatMap((batch) => racesOf(sinkhornPeer(batch, 12, 50), peers)),
    adamwRace(layOut(sslSpecs(PRESETS.tiny)).size, PRESETS.tiny.name, peers),
    ...inferenceRaces(context),
    ...stepRaces(context),
  ];
}
