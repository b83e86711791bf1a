/** The device as the tuner's timer: GPU time where there are timestamps, the wall time of a submission where there are none. */
import type { Engine } from '../engine/index.js';
import { DeviceTimer } from '../timing/device-timer.js';
import type { Replay } from '../timing/replay.js';
import type { Timer } from './measure.js';

const NANOSECONDS = 1e9;

/** Assumed where all probed timestamps were equal: Chrome's clock, the coarsest known, has steps of 100 microseconds. */
const COARSEST_SECONDS = 1e-4;

/** A timer that holds memory of the device until it is destroyed. */
export type DeviceClock = Timer<Replay> & { destroy(): void };

/**
 * A timer whose step is known. Make it inside a scope, and destroy it at the end.
 * @param now the wall clock in seconds
 */
export async function deviceClock(engine: Engine, now?: () => number): Promise<DeviceClock> {
  const timer = await DeviceTimer.create(engine, now);
  const { gpu, wall } = await timer.probe();
  const timed = timer.hasTimestamps;
  return {
    quantum: (timed ? (gpu ?? COARSEST_SECONDS) : wall) * NANOSECONDS,
    clock: timed ? 'gpu' : 'wall',
    async time(replay, repeats, expected) {
      const taken = await timer.sample(replay, repeats, expected / NANOSECONDS);
      return (taken.gpu ?? taken.wall) * NANOSECONDS;
    },
    destroy: () => timer.destroy(),
  };
}
