/** The ONNX models of the benchmark, run by another implementation (onnxruntime's WebAssembly in Node): right to float64. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as ort from 'onnxruntime-web';
import { opModel } from '../bench/peers/onnx/op-models.js';
import { swinModel } from '../bench/peers/onnx/swin.js';
import { AS_DOCUMENTED } from '../bench/peers/peer.js';
import { classifierScores } from '../bench/peers/swin-reference.js';
import { inferenceTask } from '../bench/suites/peer-inference.js';
import { attentionPeer, layerNormPeer, linearPeer, productPeer, sinkhornPeer, softmaxPeer } from '../bench/suites/peers.js';
import type { PeerCase } from '../bench/suites/peer-contestants.js';
import type { Input } from '../src/verify/values.js';
import { relativeError } from '../src/verify/compare.js';

/** The output "y" of a model. */
async function evaluate(model: Uint8Array, inputs: Readonly<Record<string, Input>>): Promise<{ data: Float32Array; shape: readonly number[] }> {
  const session = await ort.InferenceSession.create(model);
  const feeds = Object.fromEntries(Object.entries(inputs).map(([name, { shape, data }]) => [name, new ort.Tensor('float32', data, shape)]));
  const { y } = await session.run(feeds);
  await session.release();
  return { data: y.data as Float32Array, shape: y.dims };
}

const STAGE = { model: 'small', size: 8, channels: 8, heads: 2, windowSize: 4, shift: 2 };
const CASES: readonly PeerCase[] = [
  productPeer(24),
  linearPeer('small', 6, 8, 12),
  layerNormPeer('small', 6, 20),
  softmaxPeer('small', 6, 20),
  attentionPeer(STAGE, 2),
  attentionPeer({ ...STAGE, shift: 0 }, 2),
  attentionPeer({ ...STAGE, size: 4, shift: 0 }, 1),
  sinkhornPeer(4, 5, 4),
  sinkhornPeer(4, 12, 50),
];

for (const own of CASES) {
  test(`${own.given.op} ${own.given.shape} as a model equals the float64 reference`, async () => {
    const { op, given, settings } = own;
    const inputs = given.inputs();
    const { bytes, fed, shape } = opModel({ kind: 'op', op, inputs, settings, form: AS_DOCUMENTED, dy: null });
    const result = await evaluate(bytes, Object.fromEntries(fed.map((name) => [name, inputs[name]])));
    assert.deepEqual(result.shape, shape);
    const doubles = Object.fromEntries(Object.entries(inputs).map(([name, { data }]) => [name, Float64Array.from(data)]));
    const { y } = given.expected({ inputs: doubles, dy: new Float64Array(own.outputSize) }, (output) => output === 'y');
    const error = relativeError(result.data, y);
    assert.ok(error <= y.tolerance, `y is off by ${error}`);
  });
}

test('a Swin with two stages, shifted windows and patch merging equals the float64 reference', async () => {
  const network = { patchSize: 2, embedDim: 8, depths: [2, 2], numHeads: [2, 4], windowSize: 2, numClasses: 5, mlpRatio: 2 };
  const { image, parameters } = inferenceTask({ network, imageSize: 16, batch: 2 });
  const { data, shape } = await evaluate(swinModel(network, parameters, 2, 16), { image });
  assert.deepEqual(shape, [2, 5]);
  const values = Object.fromEntries(Object.entries(parameters).map(([name, given]) => [name, Float64Array.from(given.data)]));
  const expected = classifierScores(network, values, Float64Array.from(image.data), 2, 16);
  const error = relativeError(data, { values: expected, tolerance: 0 });
  assert.ok(error <= 1e-5, `scores are off by ${error}`);
});
