/** Races and barriers of the kernels that reduce rows and columns, and of the losses; see races.test.ts. */
import { testRaces } from './interpreter/suite.js';

testRaces('normalization');
testRaces('loss');
testRaces('reduction');
testRaces('optimizer');
