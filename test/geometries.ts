import type { Engine } from '../src/engine/index.js';
import { withEngine } from './helpers.js';

/** The same engine, except that kernels choose their launch geometry for a GPU, or for a software adapter. */
export function withGeometry(engine: Engine, software: boolean): Engine {
  return Object.create(engine, { info: { value: { ...engine.info, software } } }) as Engine;
}

/** Runs a test with the launch geometry of a software adapter and with that of a GPU, whatever this machine has. */
export async function withBothGeometries(body: (engine: Engine) => Promise<void>): Promise<void> {
  for (const software of [true, false]) await withEngine((engine) => body(withGeometry(engine, software)));
}
