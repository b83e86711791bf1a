/** What each suite holds. */
import type { TrainingFigures } from '../harness/schema.js';
import type { Race } from '../harness/race.js';
import type { Group } from '../harness/subject.js';
import type { SuiteContext } from './context.js';
import { hasPeers, type SuiteName } from './names.js';
import { kernelSuite, quickSuite } from './kernels.js';
import { peerSuite } from './peers.js';
import { trainingSuite } from './training.js';

/** The groups of a suite on a device. */
export function groupsOf(suite: SuiteName, context: SuiteContext, keep: (figures: TrainingFigures) => void): (Group | Race)[] {
  if (suite === 'quick') return quickSuite(context);
  return [
    ...(suite === 'kernels' || suite === 'full' ? kernelSuite(context) : []),
    ...(suite === 'training' || suite === 'full' ? trainingSuite(context, keep) : []),
    ...(hasPeers(suite) ? peerSuite(context) : []),
  ];
}
