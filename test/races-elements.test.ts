/** Races of the kernels whose threads work alone; see races.test.ts. */
import { testRaces } from './interpreter/suite.js';

testRaces('elementwise');
testRaces('layout');
testRaces('random');
testRaces('augment');
testRaces('regions');
