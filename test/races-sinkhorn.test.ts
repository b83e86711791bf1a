/** Races and barriers of the optimal transport kernels; see races.test.ts. */
import { testRaces } from './interpreter/suite.js';

testRaces('sinkhorn');
