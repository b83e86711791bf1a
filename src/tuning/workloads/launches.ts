/**
 * Families that many kernels share ('items', 'rows'): the launches that a choice shaped in the traced work, each once,
 * one after the other. They are launched again with synthetic tensors and the geometry that the engine now chooses.
 */
import type { Constants, Engine, Tensor, Workgroups } from '../../engine/index.js';
import { itemLaunch } from '../../kernels/elementwise/index.js';
import { rowLanes } from '../../kernels/normalization/index.js';
import { readProblemKey } from '../../kernels/problem-key.js';
import type { TracedLaunch, TracedProblem } from '../trace.js';
import { syntheticValues } from './inputs.js';
import type { Workload } from './workload.js';

/** What a choice decides about a launch. */
interface Geometry {
  readonly constants: Constants;
  readonly workgroups: Workgroups;
}

function geometryOf(engine: Engine, { family, problem }: TracedProblem): Geometry {
  const key = readProblemKey(problem);
  if (family === 'items') return itemLaunch(engine, key.size('n'));
  const { LANES, workgroups } = rowLanes(engine, key.size('r'), key.size('c'));
  return { constants: { LANES }, workgroups };
}

/** New tensors for a launch, by binding; bindings that shared a tensor share one again. */
function tensorsFor(engine: Engine, { tensors }: TracedLaunch): Record<string, Tensor> {
  const made = new Map<number, Tensor>();
  const byName: Record<string, Tensor> = {};
  for (const [name, { shape, dtype, identity }] of Object.entries(tensors)) {
    const tensor = made.get(identity) ?? engine.empty(shape, dtype);
    made.set(identity, tensor);
    byName[name] = tensor;
  }
  return byName;
}

/** Null when the trace saw no launch of the choice. */
export function launchesWorkload(engine: Engine, traced: TracedProblem): Workload | null {
  if (traced.launches.length === 0) return null;
  const launches = traced.launches.map((launch) => ({ launch, tensors: tensorsFor(engine, launch) }));
  const reset = (): void => {
    for (const { tensors } of launches) for (const tensor of new Set(Object.values(tensors))) engine.write(tensor, syntheticValues(tensor.size, tensor.dtype));
  };
  reset();
  return {
    reset,
    capture: () =>
      engine.capture('candidate', () => {
        const { constants, workgroups } = geometryOf(engine, traced);
        for (const { launch, tensors } of launches) {
          // Of the geometry's constants those that this kernel has.
          const own = Object.fromEntries(Object.entries(constants).filter(([name]) => name in launch.constants));
          engine.dispatch({ shader: launch.shader, constants: { ...launch.constants, ...own }, tensors, params: launch.params, workgroups });
        }
        return launches.flatMap(({ launch, tensors }) => [
          ...new Set(Object.keys(tensors).filter((name) => launch.tensors[name].writable).map((name) => tensors[name])),
        ]);
      }),
  };
}
