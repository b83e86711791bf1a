/** Which places, rows and columns of a large output are compared: pseudo-random, the same in every run. */
import { randomIndices } from '../../src/verify/values.js';

/** Vectors of 4 and tiles of up to 32 are what kernels go wrong by: places take every residue of it in turn. */
const RESIDUES = 32;

/**
 * Numbers below `size` in order of `turn`: the block of {@link RESIDUES} is drawn, the residue within it goes through all
 * of them, four in a row being different modulo 4.
 * @param step odd, so that no residue comes twice in a turn
 */
function drawn(size: number, count: number, seed: number, step: number): number[] {
  const blocks = randomIndices(count, Math.ceil(size / RESIDUES), seed);
  return Array.from(blocks, (block, turn) => {
    // After a full turn everything is moved by one, or the same residues of rows and columns would meet again.
    const residue = (turn * step + Math.floor(turn / RESIDUES)) % RESIDUES;
    const place = block * RESIDUES + residue;
    return place < size ? place : residue % size;
  });
}

/**
 * `count` different numbers below `size` at most, the first and the last among them; with 6 or more they have every
 * residue modulo 4, with 34 or more every residue modulo 32, where `size` is large enough.
 */
export function hashedLines(size: number, count: number): number[] {
  return [...new Set([0, size - 1, ...drawn(size, Math.max(0, count - 2), 501, 13)])];
}

/**
 * Places [row, column] of a matrix: its corners, and `count` others, whose rows and whose columns have every residue
 * modulo 32 from 32 on.
 */
export function hashedPlaces(rows: number, columns: number, count: number): (readonly [row: number, column: number])[] {
  const of = drawn(rows, count, 502, 13);
  const at = drawn(columns, count, 503, 11);
  const corners = [0, rows - 1].flatMap((row) => [0, columns - 1].map((column) => [row, column] as const));
  const all = [...corners, ...of.map((row, turn) => [row, at[turn]] as const)];
  return [...new Map(all.map((place) => [place[0] * columns + place[1], place])).values()];
}
