export { concatLast } from './concat.js';
export { gatherRows } from './gather.js';
export { gatherSmall, SMALL_STRIDE } from './gather-small.js';
export { patchEmbed, patchify, patchMerge } from './patches.js';
export { transpose01 } from './permute.js';
export { meanPool } from './pool.js';
