/** Opens the machine's WebGPU adapter and tells which one it is. */
import { adapterName, ZygoError, type Engine } from '../engine/index.js';
import { openEngine } from '../kernels/open-engine.js';
import { cacheFolder } from '../platform/node/cache-folder.js';
import { findNodeGpu, type NodeGpu } from '../platform/node/gpu.js';
import { CommandFailure, EXIT } from './failure.js';

/** Dawn crashes the process when its GPU object is collected as garbage while a device is in use. */
const opened: NodeGpu[] = [];

/** What became of the wish for subgroup matrices, in a sentence. */
export function matrixLine({ info: { subgroupMatrix: size } }: Engine): string {
  if (!size) return 'This adapter offers no subgroup matrices of f16 that are summed in f32: --subgroup-matrix changes nothing here.';
  return `Subgroup matrices (experimental): ${size.M} x ${size.K} by ${size.K} x ${size.N}.`;
}

/**
 * An engine on the best adapter; destroy it at the end.
 * @param subgroupMatrix true asks for Dawn's experimental subgroup matrices; says so where the adapter has none
 * @throws {CommandFailure} with the exit code of bad input when the machine has no adapter that can be used
 */
export async function openDevice(adapter: 'auto' | 'software', say: (line: string) => void, subgroupMatrix = false): Promise<Engine> {
  let engine: Engine;
  try {
    const found = await findNodeGpu({ adapter, subgroupMatrix });
    opened.push(found);
    engine = await openEngine(found.adapter, {}, { subgroupMatrix });
  } catch (cause) {
    const reason =
      cause instanceof ZygoError
        ? cause.message
        : `The WebGPU adapter cannot be opened (${(cause as Error).message.split('\n')[0]}): expected the npm packages ` +
          `to be whole and ${cacheFolder()} to be writable, where the software adapter is unpacked.`;
    throw new CommandFailure(EXIT.badInput, reason, { cause });
  }
  say(`Adapter: ${adapterName(engine.info)}`);
  if (engine.info.software) say('This adapter is software: it runs on the CPU, correct and slow. A GPU is many times faster.');
  if (subgroupMatrix) say(matrixLine(engine));
  return engine;
}
