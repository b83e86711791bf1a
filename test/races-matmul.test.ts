/** Races and barriers of the matrix product and convolution kernels; see races.test.ts. */
import { testRaces } from './interpreter/suite.js';

testRaces('matmul');
testRaces('convolution');
