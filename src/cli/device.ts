/** Opens the machine's WebGPU adapter and tells which one it is. */
import { adapterName, ZygoError, type Engine } from '../engine/index.js';
import { openEngine } from '../kernels/open-engine.js';
import { cacheFolder } from '../platform/node/cache-folder.js';
import { findNodeGpu, type NodeGpu } from '../platform/node/gpu.js';
import { CommandFailure, EXIT } from './failure.js';

/** Dawn crashes the process when its GPU object is collected as garbage while a device is in use. */
const opened: NodeGpu[] = [];

/**
 * An engine on the best adapter; destroy it at the end.
 * @throws {CommandFailure} with the exit code of bad input when the machine has no adapter that can be used
 */
export async function openDevice(adapter: 'auto' | 'software', say: (line: string) => void): Promise<Engine> {
  let engine: Engine;
  try {
    const found = await findNodeGpu({ adapter });
    opened.push(found);
    engine = await openEngine(found.adapter);
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
  return engine;
}
