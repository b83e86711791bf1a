export { conv2d, type ConvolutionOptions } from './conv2d.js';
export { padColumns } from './resize-columns.js';
export { convolutionStem, stemWindows, type ConvolutionLayer, type StemWindow } from './stem.js';
export { outputLength, unfold, type Window } from './unfold.js';
