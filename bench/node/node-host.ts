/** This process as a host: the adapter in Node, with the Dawn toggles that a benchmark wants and tells about. */
import { ZygoError } from '../../src/engine/index.js';
import { openEngine } from '../../src/kernels/open-engine.js';
import { findNodeGpu, type NodeGpu } from '../../src/platform/node/gpu.js';
import { matrixLine } from '../../src/cli/device.js';
import { CommandFailure, EXIT } from '../../src/cli/failure.js';
import { environmentOf } from '../../src/cli/verify/environment.js';
import { loadPeers } from '../peers/load.js';
import { listGroups, runSuite, type RunPlace } from '../harness/run.js';
import { shaderSources } from '../shaders.generated.js';
import type { BenchHost } from './host.js';
import { provideNavigator } from './peer-environment.js';
import { storedChoices } from './tuned.js';

/** Dawn crashes the process when its GPU object is collected as garbage while a device is in use. */
const opened: NodeGpu[] = [];

/** The toggles that a benchmark wants; what findNodeGpu adds is told apart by the features. */
function flagsFor(software: boolean, robustness: boolean, subgroupMatrix: boolean): string[] {
  // As src/platform/node/gpu.ts asks for the bundled software adapter: clearing workgroup memory is dear there.
  const enabled = [...(software ? ['disable_workgroup_init'] : []), ...(robustness ? [] : ['disable_robustness']), ...(subgroupMatrix ? ['allow_unsafe_apis'] : [])];
  return [...(enabled.length > 0 ? [`enable-dawn-features=${enabled.join(',')}`] : []), 'disable-dawn-features=timestamp_quantization'];
}

/**
 * Finds the adapter.
 * @param robustness false leaves Dawn's bounds checks out of the kernels
 * @param subgroupMatrix true asks for Dawn's experimental subgroup matrices, where the adapter has them
 * @throws {CommandFailure} when there is no adapter
 */
export async function openNodeHost(adapter: 'auto' | 'software', robustness: boolean, subgroupMatrix = false): Promise<BenchHost> {
  try {
    const found = await findNodeGpu({ adapter });
    opened.push(found);
    let told = !subgroupMatrix;
    const dawnFlags = flagsFor(found.software, robustness, subgroupMatrix);
    const place: RunPlace = {
      async open() {
        const again = await findNodeGpu({ adapter, dawnFlags, subgroupMatrix });
        opened.push(again);
        const engine = await openEngine(again.adapter, shaderSources, { subgroupMatrix });
        if (!told) process.stderr.write(`${matrixLine(engine)}\n`);
        told = true;
        return engine;
      },
      stored: storedChoices,
      async loadPeers(names) {
        const again = await findNodeGpu({ adapter, dawnFlags, subgroupMatrix });
        opened.push(again);
        provideNavigator(again.gpu);
        return loadPeers(names);
      },
      now: () => performance.now() / 1000,
      environment(engine) {
        const { node, dawn, ...rest } = environmentOf(engine);
        return { ...rest, runtime: `Node ${node}`, dawn, features: [...rest.features], limits: { ...rest.limits }, flags: dawnFlags };
      },
    };
    return {
      list: (request) => listGroups(place, request),
      run: (request, tell, signal) => runSuite(place, request, tell, signal),
      close: async () => {},
    };
  } catch (cause) {
    const reason = cause instanceof ZygoError ? cause.message : `The WebGPU adapter cannot be opened: ${(cause as Error).message.split('\n')[0]}`;
    throw new CommandFailure(EXIT.badInput, reason, { cause });
  }
}
