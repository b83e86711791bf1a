/**
 * The MLP heads: linear, batch normalisation, ReLU, linear, batch normalisation. As in BYOL (Grill et al. 2020) with
 * the output normalised as in MoCo v3 (Chen et al. 2021).
 */
import type { Engine, Tensor } from '../engine/index.js';
import { batchNorm } from '../kernels/normalization/index.js';
import { linearSpecs, normSpecs } from './backbone/specs.js';
import { dense } from './dense.js';
import type { ParameterLookup, ParameterSpec } from './parameters.js';

/**
 * Parameters of a head under a name.
 * @param groups kinds of rows (AU regions) with statistics of their own; 1 for the global feature
 */
export function headSpecs(name: string, inputs: number, hidden: number, outputs: number, groups: number): ParameterSpec[] {
  return [
    ...linearSpecs(`${name}.0`, inputs, hidden, 'fan-in'),
    ...normSpecs(`${name}.1`, groups * hidden),
    ...linearSpecs(`${name}.3`, hidden, outputs, 'fan-in'),
    ...normSpecs(`${name}.4`, groups * outputs),
  ];
}

/**
 * Applies a head to features.
 * @param x [N, inputs], or [N, groups, inputs]
 * @returns [N, outputs], or [N, groups, outputs]. The linear layers are shared by all groups; statistics are each
 *   group's own: over all rows together the difference between an eye and a mouth would drown that between two mouths,
 *   and the faces' features would lie so close that a contrast finds nothing (measured: its loss stayed at chance).
 */
export function head(engine: Engine, parameters: ParameterLookup, name: string, x: Tensor): Tensor {
  const get = (part: string) => parameters.get(`${name}.${part}`);
  const [faces, ...rest] = x.shape;
  const inputs = x.shape[x.shape.length - 1];
  const norm = (y: Tensor, layer: number, activation: 'none' | 'relu') => {
    const perFace = engine.reshape(y, [faces, y.size / faces]);
    return engine.reshape(batchNorm(engine, perFace, get(`${layer}.weight`), get(`${layer}.bias`), { activation }), y.shape);
  };
  const rows = engine.reshape(x, [x.size / inputs, inputs]);
  const hidden = norm(dense(engine, rows, get('0.weight'), get('0.bias')), 1, 'relu');
  const y = norm(dense(engine, hidden, get('3.weight'), get('3.bias')), 4, 'none');
  return engine.reshape(y, [faces, ...rest.slice(0, -1), y.shape[1]]);
}
