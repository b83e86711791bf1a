/** The MLP heads of BYOL (Grill et al. 2020): linear, batch normalisation, ReLU, linear. */
import type { Engine, Tensor } from '../engine/index.js';
import { relu } from '../kernels/elementwise/index.js';
import { linear } from '../kernels/matmul/index.js';
import { batchNorm } from '../kernels/normalization/index.js';
import { linearSpecs, normSpecs } from './backbone/specs.js';
import type { Parameters, ParameterSpec } from './parameters.js';

/** Parameters of a head under a name. */
export function headSpecs(name: string, inputs: number, hidden: number, outputs: number): ParameterSpec[] {
  return [
    ...linearSpecs(`${name}.0`, inputs, hidden, 'fan-in'),
    ...normSpecs(`${name}.1`, hidden),
    ...linearSpecs(`${name}.3`, hidden, outputs, 'fan-in'),
  ];
}

/**
 * Applies a head to the rows of x.
 * @param x [..., inputs]
 * @returns [..., outputs]; batch statistics are taken over all rows
 */
export function head(engine: Engine, parameters: Parameters, name: string, x: Tensor): Tensor {
  const get = (part: string) => parameters.get(`${name}.${part}`);
  const inputs = x.shape[x.shape.length - 1];
  const rows = engine.reshape(x, [x.size / inputs, inputs]);
  const hidden = linear(engine, rows, get('0.weight'), get('0.bias'));
  const active = relu(engine, batchNorm(engine, hidden, get('1.weight'), get('1.bias')));
  const y = linear(engine, active, get('3.weight'), get('3.bias'));
  return engine.reshape(y, [...x.shape.slice(0, -1), y.shape[1]]);
}
