/** One training step of one small Swin classifier, with the same weights in every library. */
import { sizeOf, type Engine, type Tensor } from '../../src/engine/index.js';
import { WHOLE_NETWORK } from '../../src/conformance/tolerance.js';
import { bceWithLogits } from '../../src/kernels/loss/index.js';
import { adamw, adamwHyper } from '../../src/kernels/optimizer/index.js';
import { classifierSpecs, classify, type ClassifierConfig } from '../../src/model/classifier/index.js';
import { layOut, Parameters, type ParameterSpec } from '../../src/model/parameters.js';
import { input, randomSigns, randomValues, type Input } from '../../src/verify/values.js';
import type { Contestant, Race, ReadyWork } from '../harness/race.js';
import type { CheckedOutput, RowName } from '../harness/subject.js';
import type { AdamSettings, Peer, StepTask } from '../peers/peer.js';
import { classifierLoss, type Values } from '../peers/swin-reference.js';
import { repeatedInput } from './case.js';
import { ASSUMED_SHARE, largestThatFits, type SuiteContext } from './context.js';
import { peerName, readyPeer, readyStep } from './peer-contestants.js';

/** A network and how many images it sees at once. */
export interface StepSizes {
  readonly network: ClassifierConfig;
  readonly imageSize: number;
  readonly batch: number;
}

/** The tiny preset's sizes, with Swin's own patch embedding, two blocks in each stage, and a linear head of twelve AUs. */
const NETWORK: ClassifierConfig = { patchSize: 4, embedDim: 32, depths: [2, 2], numHeads: [2, 4], windowSize: 4, numClasses: 12, mlpRatio: 4 };
const IMAGE_SIZE = 64;
const BATCHES = [16, 4];
/** Images that differ; a batch repeats them, so that its loss and gradients are theirs. */
export const DISTINCT = 2;
/** So small that thousands of repeats change nothing that could overflow. No decay: tfjs has Adam without it. */
const SETTINGS: AdamSettings = { learningRate: 1e-7, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0 };
/** As in the suite of training steps: a whole step may take longer than a kernel, and reaches more of the peak. */
const ALLOWANCE = (5 * 0.2) / ASSUMED_SHARE;
/** Step of central differences in float64 along a direction that moves every parameter. */
const STEP = 1e-6;
const AGAINST = 'float64 loss, and central differences of it along random directions: of all parameters together and of some alone; peers also with every gradient of Zygo';

/** Values that no part of the step can miss: no bias is zero and no norm is one. */
function valuesOf({ shape, initializer }: ParameterSpec, seed: number): Input {
  if (initializer.kind === 'zeros') return input(shape, seed, { spread: 0.2 });
  if (initializer.kind === 'ones') return input(shape, seed, { offset: 1, spread: 0.2 });
  return input(shape, seed, { spread: 1 / Math.sqrt(shape.length === 2 ? shape[1] : 4) });
}

/** The task as every contestant gets it. */
export function stepTask({ network, imageSize, batch }: StepSizes): StepTask {
  const labels = randomValues(DISTINCT * network.numClasses, 202).map((value) => (value > 0 ? 1 : 0));
  return {
    kind: 'step',
    network,
    image: repeatedInput(input([DISTINCT, imageSize, imageSize, 3], 201), batch / DISTINCT),
    targets: repeatedInput({ shape: [DISTINCT, network.numClasses], data: labels }, batch / DISTINCT),
    parameters: Object.fromEntries(classifierSpecs(network).map((spec, at) => [spec.name, valuesOf(spec, 300 + at)])),
    settings: SETTINGS,
  };
}

/** Parameters whose gradients are also compared by themselves: one of each kind. */
function named(network: ClassifierConfig): string[] {
  const last = network.depths.length - 1;
  const block = `features.${2 * last + 1}.${network.depths[last] - 1}`;
  return ['features.0.0.weight', `${block}.attn.qkv.weight`, `${block}.attn.relative_position_bias_table`, `${block}.norm1.weight`, `${block}.mlp.0.bias`, `features.${2 * last}.reduction.weight`, 'head.weight'];
}

/** Compares a loss and first moments (all parameters one after the other) with the reference. */
export function stepChecker({ network, image, targets, parameters, settings }: StepTask): (loss: ArrayLike<number>, m: ArrayLike<number>) => CheckedOutput[] {
  const names = Object.keys(parameters);
  const size = image.shape[1];
  const images = Float64Array.from(image.data.subarray(0, DISTINCT * size * size * 3));
  const lossAt = (values: Values): number => classifierLoss(network, values, images, targets.data.subarray(0, DISTINCT * network.numClasses), DISTINCT, size);
  const given = Object.fromEntries(names.map((name) => [name, Float64Array.from(parameters[name].data)]));
  /** Slope along random signs of the named parameters, which become the weights of the projection. */
  const along = (moved: readonly string[], seed: number): { readonly weights: Float64Array; readonly value: number } => {
    const signs = moved.map((name, at) => randomSigns(given[name].length, seed + at));
    const at = (step: number): number =>
      lossAt({ ...given, ...Object.fromEntries(moved.map((name, index) => [name, given[name].map((value, place) => value + step * signs[index][place])])) });
    // A first moment after one step is (1 − β1) times the gradient.
    return { weights: Float64Array.from(signs.flatMap((values) => [...values])), value: ((1 - settings.beta1) * (at(STEP) - at(-STEP))) / (2 * STEP) };
  };
  const tolerance = WHOLE_NETWORK.gradient;
  const loss = lossAt(given);
  const whole = along(names, 401);
  const single = named(network).map((name, at) => ({ name, projection: along([name], 501 + at) }));
  const starts = new Map<string, number>();
  names.reduce((start, name) => (starts.set(name, start), start + given[name].length), 0);
  return (actualLoss, m) => [
    { output: 'loss', actual: actualLoss, expected: { values: [loss], tolerance: WHOLE_NETWORK.forward } },
    { output: 'gradient', actual: m, expected: { at: [], values: [], projection: whole, tolerance } },
    ...single.map(({ name, projection }) => {
      const start = starts.get(name) as number;
      return { output: `d/d ${name}`, actual: Array.from(m).slice(start, start + given[name].length), expected: { at: [], values: [], projection, tolerance } };
    }),
  ];
}

/** Zygo's step: state in one arena, captured once. */
async function prepareOwn(engine: Engine, task: StepTask, checked: (loss: ArrayLike<number>, m: ArrayLike<number>) => CheckedOutput[]): Promise<ReadyWork> {
  const { network, image, targets, parameters: given, settings } = task;
  const layout = layOut(classifierSpecs(network));
  const offsetOf = (name: string): number => layout.offsets.get(name) as number;
  const values = new Float32Array(layout.size);
  for (const [name, { data }] of Object.entries(given)) values.set(data, offsetOf(name));
  const arena = (): Tensor => engine.zeros([layout.size]);
  const [gradients, m, v] = [arena(), arena(), arena()];
  const parameters = new Parameters(engine, layout, engine.tensor(values, [layout.size]), gradients);
  const [x, labels] = [engine.tensor(image.data, image.shape), engine.tensor(Uint32Array.from(targets.data), targets.shape)];
  const weights = engine.tensor(new Float32Array(network.numClasses).fill(1), [network.numClasses]);
  const [hyper, scale] = [engine.zeros([8]), engine.tensor([1, 1], [2])];
  const step = engine.capture('peers training step', () => {
    const loss = engine.withTape((tape) => {
      const value = bceWithLogits(engine, classify(engine, parameters, network, x), labels, weights);
      tape.backward([[value, engine.tensor([1], [1])]]);
      return value;
    });
    adamw(engine, { params: parameters.values, gradients, m, v, hyper, decayEnd: layout.decayEnd, scale });
    return { loss };
  });
  await step.prepare();
  let steps = 0;
  const check = async (): Promise<CheckedOutput[]> => {
    const moments = await engine.read(m);
    const ordered = Object.entries(given).flatMap(([name, { shape }]) => [...moments.subarray(offsetOf(name), offsetOf(name) + sizeOf(shape))]);
    return checked(await engine.read(step.outputs.loss), ordered);
  };
  return {
    ...readyStep({ step, check, against: AGAINST }, () => engine.finish()),
    run() {
      steps += 1;
      engine.write(hyper, adamwHyper(steps, settings));
      step.run();
    },
  };
}

/** One race of one step. */
export function stepRace(sizes: StepSizes, peers: readonly Peer[]): Race {
  const { network, imageSize, batch } = sizes;
  const shape = `${batch} images of ${imageSize} x ${imageSize}, C ${network.embedDim}, depths ${network.depths.join('/')}, window ${network.windowSize}`;
  const name: RowName = { section: 'peers', op: 'training step', shape, model: 'Swin classifier', pass: 'step', implementation: 'zygo', variant: 'rules' };
  let checker: ReturnType<typeof stepChecker> | null = null;
  /** Made once, when the race's turn comes. */
  const checkerOf = (task: StepTask): ReturnType<typeof stepChecker> => (checker ??= stepChecker(task));
  let own: readonly number[] | null = null;
  const zygo: Contestant = {
    name,
    prepare(engine) {
      const task = stepTask(sizes);
      return prepareOwn(engine, task, (loss, m) => {
        own = Array.from(m);
        return checkerOf(task)(loss, m);
      });
    },
  };
  return {
    name: `Peers: training step of a small Swin, ${shape}`,
    contestants: [
      zygo,
      ...peers.map((peer) => ({
        name: peerName(name, peer),
        async prepare() {
          const task = stepTask(sizes);
          const run = await peer.prepare(task);
          return readyPeer(run, AGAINST, async () => {
            const { loss, m } = await run.read();
            const besideOwn = own ? [{ output: 'gradient beside Zygo', actual: m, expected: { values: own, tolerance: WHOLE_NETWORK.gradient } }] : [];
            return [...checkerOf(task)(loss, m), ...besideOwn];
          });
        },
      })),
    ],
  };
}

/**
 * The network at the largest batch that this device runs in time; null when there is none.
 * @param passes forward passes that the work is as long as
 */
export function fittingSizes(context: SuiteContext, what: string, passes: number): StepSizes | null {
  const wide = { ...context, flopsLimit: context.flopsLimit * ALLOWANCE };
  const perImage = NETWORK.depths.reduce((sum, depth, stage) => {
    const [side, channels] = [IMAGE_SIZE / NETWORK.patchSize / 2 ** stage, NETWORK.embedDim * 2 ** stage];
    return sum + depth * 24 * side * side * channels ** 2;
  }, 0);
  const batch = largestThatFits(wide, what, BATCHES, (images) => ({ flops: passes * images * perImage, bytes: 0 }));
  return batch === null ? null : { network: NETWORK, imageSize: IMAGE_SIZE, batch };
}

/** The training step of it. */
export function stepRaces(context: SuiteContext): Race[] {
  const sizes = fittingSizes(context, 'Peers: training step, images', 3);
  return sizes === null ? [] : [stepRace(sizes, context.peers)];
}
