/** Races and barriers of the attention and pooling kernels; see races.test.ts. */
import { testRaces } from './interpreter/suite.js';

testRaces('attention');
testRaces('pooling');
