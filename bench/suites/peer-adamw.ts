/** AdamW over all parameters at once, beside other libraries. */
import type { Race } from '../harness/race.js';
import type { RowName } from '../harness/subject.js';
import type { Peer } from '../peers/peer.js';
import { arena, expectedAdamw, prepareAdamw, RATES, STEP } from './optimizer.js';
import { peerName, readyPeer, readyStep } from './peer-contestants.js';

/** @param size parameters, a multiple of 4 */
export function adamwRace(size: number, model: string, peers: readonly Peer[]): Race {
  const name: RowName = { section: 'peers', op: 'adamw', shape: `[${size}]`, model, pass: 'step', implementation: 'zygo', variant: 'rules' };
  const [params, gradients, m, v] = [() => arena(size, 71), () => arena(size, 72), () => arena(size, 73), () => arena(size, 74, 1)];
  return {
    name: `Peers: adamw [${size}]`,
    contestants: [
      {
        name,
        async prepare(engine) {
          const prepared = prepareAdamw(engine, size);
          await prepared.step.prepare();
          return readyStep(prepared, () => engine.finish());
        },
      },
      ...peers.map((peer) => ({
        name: peerName(name, peer),
        async prepare() {
          const run = await peer.prepare({ kind: 'adamw', params: params(), gradients: gradients(), m: m(), v: v(), step: STEP, settings: RATES });
          return readyPeer(run, 'one float64 step, every element', async () => {
            const outputs = await run.read();
            return Object.entries(expectedAdamw(size)).map(([output, expected]) => ({ output, actual: outputs[output] ?? [], expected }));
          });
        },
      })),
    ],
  };
}
