/** Layers whose backward passes are fused across two products: a block's MLP, and the stem of the small presets. */
import { convolutionStem, stemWindows } from '../../src/kernels/convolution/index.js';
import { mlp } from '../../src/kernels/matmul/index.js';
import { input } from '../../src/verify/values.js';
import { convolutionReference } from '../../test/reference/convolution.js';
import { byDifferences, repeated, repeatedInput, type OpCase } from './case.js';
import { distinct, SAMPLED } from './ops.js';
import { sampledMlp, type MlpSizes } from './sampled-gelu.js';

/** A block's MLP with its residual sum. */
export function mlpCase(model: string, sizes: MlpSizes): OpCase {
  const { tokens, inputs, hidden, outputs } = sizes;
  const weight = (rows: number, columns: number, seed: number) => input([rows, columns], seed, { spread: 1 / Math.sqrt(columns) });
  return {
    op: 'mlp',
    shape: `[${tokens}, ${inputs}] -> ${hidden} -> ${outputs}, GELU, residual`,
    model,
    inputs: () => ({
      x: input([tokens, inputs], 81),
      up: weight(hidden, inputs, 82),
      upBias: input([hidden], 83),
      down: weight(outputs, hidden, 84),
      downBias: input([outputs], 85),
      residual: input([tokens, outputs], 86),
    }),
    forward: (engine, { x, up, upBias, down, downBias, residual }) => mlp(engine, x, { weight: up, bias: upBias }, { weight: down, bias: downBias }, { residual, output: 'f32' }),
    expected: sampledMlp(sizes),
    against: SAMPLED,
  };
}

/** Two 3 x 3 convolutions of stride 2 with GELU between them, on the windows of an image, which has no gradient. */
export function stemCase(model: string, batch: number, size: number, outputs: number): OpCase {
  const images = distinct(batch, 2);
  const middle = outputs / 2;
  const image = input([images, size, size, 3], 34);
  const window = { kernel: 3, stride: 2, padding: 1 };
  const sizes = { batch: images, kernelHeight: 3, kernelWidth: 3, stride: 2, padding: 1 };
  const weight = (to: number, from: number, seed: number) => input([to, 3, 3, from], seed, { spread: 1 / Math.sqrt(9 * from) });
  return {
    op: 'convolutionStem',
    shape: `[${batch}, ${size}, ${size}, 3] -> ${middle} -> ${outputs}, 3 x 3, stride 2, with the image's windows`,
    model,
    inputs: () => ({ weight1: weight(middle, 3, 35), bias1: input([middle], 36), weight2: weight(outputs, middle, 37), bias2: input([outputs], 38) }),
    forward: (engine, { weight1, bias1, weight2, bias2 }) => {
      const { shape, data } = repeatedInput(image, batch / images);
      const windows = stemWindows(engine, engine.tensor(data, shape), window);
      return convolutionStem(engine, windows, shape.slice(0, 3), { weight: weight1, bias: bias1 }, { weight: weight2, bias: bias2 }, window);
    },
    expected: repeated(batch / images, [], byDifferences(({ weight1, bias1, weight2, bias2 }) => {
      const between = convolutionReference(Float64Array.from(image.data), weight1, bias1, { ...sizes, height: size, width: size, channels: 3, outputs: middle, gelu: true });
      return convolutionReference(between, weight2, bias2, { ...sizes, height: size / 2, width: size / 2, channels: middle, outputs, gelu: false });
    })),
    against: 'float64 reference of every output; gradients of the parameters by central differences of it',
    period: images * (size / 4) ** 2 * outputs,
  };
}
