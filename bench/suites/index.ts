/** What each suite holds. */
import type { TrainingFigures } from '../harness/schema.js';
import type { Group } from '../harness/subject.js';
import type { SuiteContext } from './context.js';
import type { SuiteName } from './names.js';
import { kernelSuite, quickSuite } from './kernels.js';
import { trainingSuite } from './training.js';

/** The groups of a suite on a device. */
export function groupsOf(suite: SuiteName, context: SuiteContext, keep: (figures: TrainingFigures) => void): Group[] {
  if (suite === 'quick') return quickSuite(context);
  return [...(suite === 'training' ? [] : kernelSuite(context)), ...(suite === 'kernels' ? [] : trainingSuite(context, keep))];
}
