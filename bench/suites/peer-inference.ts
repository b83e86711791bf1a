/** Class scores of one small Swin classifier, forward only, with the same weights in every library that runs models. */
import { WHOLE_NETWORK } from '../../src/conformance/tolerance.js';
import type { Engine } from '../../src/engine/index.js';
import { classifierSpecs, classify } from '../../src/model/classifier/index.js';
import { layOut, Parameters } from '../../src/model/parameters.js';
import type { Race, ReadyWork } from '../harness/race.js';
import type { CheckedOutput, RowName } from '../harness/subject.js';
import type { InferenceTask, Peer } from '../peers/peer.js';
import { classifierScores } from '../peers/swin-reference.js';
import type { SuiteContext } from './context.js';
import { peerName, readyPeer, readyStep } from './peer-contestants.js';
import { DISTINCT, fittingSizes, stepTask, type StepSizes } from './peer-step.js';

const AGAINST = 'float64 scores';

/** The task as every contestant gets it: weights and images of the training step. */
export function inferenceTask(sizes: StepSizes): InferenceTask {
  const { network, image, parameters } = stepTask(sizes);
  return { kind: 'inference', network, image, parameters };
}

/** Compares scores with the reference of the images that differ. */
function checkerFor({ network, image, parameters }: InferenceTask): (y: ArrayLike<number>) => CheckedOutput[] {
  const [batch, size] = image.shape;
  const values = Object.fromEntries(Object.entries(parameters).map(([name, { data }]) => [name, Float64Array.from(data)]));
  const distinct = Float64Array.from(image.data.subarray(0, DISTINCT * size * size * 3));
  const scores = classifierScores(network, values, distinct, DISTINCT, size);
  const expected = Float64Array.from({ length: batch * network.numClasses }, (_, at) => scores[at % scores.length]);
  return (y) => [{ output: 'y', actual: y, expected: { values: expected, tolerance: WHOLE_NETWORK.forward } }];
}

async function prepareOwn(engine: Engine, { network, image, parameters: given }: InferenceTask, checked: (y: ArrayLike<number>) => CheckedOutput[]): Promise<ReadyWork> {
  const layout = layOut(classifierSpecs(network));
  const values = new Float32Array(layout.size);
  for (const [name, { data }] of Object.entries(given)) values.set(data, layout.offsets.get(name));
  const parameters = new Parameters(engine, layout, engine.tensor(values, [layout.size]), engine.zeros([layout.size]));
  const x = engine.tensor(image.data, image.shape);
  const step = engine.capture('peers inference', () => ({ y: classify(engine, parameters, network, x) }));
  await step.prepare();
  return readyStep({ step, check: async () => checked(await engine.read(step.outputs.y)), against: AGAINST }, () => engine.finish());
}

/** One race of one network. */
export function inferenceRace(sizes: StepSizes, peers: readonly Peer[]): Race {
  const { network, imageSize, batch } = sizes;
  const shape = `${batch} images of ${imageSize} x ${imageSize}, C ${network.embedDim}, depths ${network.depths.join('/')}, window ${network.windowSize}`;
  const name: RowName = { section: 'peers', op: 'inference', shape, model: 'Swin classifier', pass: 'forward', implementation: 'zygo', variant: 'rules' };
  let checker: ReturnType<typeof checkerFor> | null = null;
  /** Made once, when the race's turn comes. */
  const checkerOf = (task: InferenceTask): ReturnType<typeof checkerFor> => (checker ??= checkerFor(task));
  return {
    name: `Peers: inference of a small Swin, ${shape}`,
    contestants: [
      {
        name,
        prepare(engine) {
          const task = inferenceTask(sizes);
          return prepareOwn(engine, task, checkerOf(task));
        },
      },
      ...peers.map((peer) => ({
        name: peerName(name, peer),
        async prepare() {
          const task = inferenceTask(sizes);
          const run = await peer.prepare(task);
          return readyPeer(run, AGAINST, async () => checkerOf(task)((await run.read()).y));
        },
      })),
    ],
  };
}

/** The race at the largest batch of the training step that this device runs in time. */
export function inferenceRaces(context: SuiteContext): Race[] {
  const sizes = fittingSizes(context, 'Peers: inference, images', 1);
  return sizes === null ? [] : [inferenceRace(sizes, context.peers)];
}
