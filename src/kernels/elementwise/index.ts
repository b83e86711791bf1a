export { accumulate, add } from './add.js';
