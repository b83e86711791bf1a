/** docs/sinkhorn-gradients.md tells what is measured here: its errors are computed again. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { withEngine } from './helpers.js';
import { measureErrors, measureTruncated, TABLE_COLUMNS, TABLE_ROWS } from './sinkhorn-gradient-table.js';

const documentLines = (): string[] => readFileSync(new URL('../../docs/sinkhorn-gradients.md', import.meta.url), 'utf8').split('\n');

/** The first table: a row is | ε | iterations | error / bound | ... */
function readTable(): { epsilon: number; iterations: number; cells: { error: number; bound: number }[] }[] {
  return documentLines()
    .filter((line) => /^\| [\d.]+ \| \d+ \| .*\//.test(line))
    .map((line) => {
      const [epsilon, iterations, ...cells] = line.split('|').slice(1, -1);
      return {
        epsilon: Number(epsilon),
        iterations: Number(iterations),
        cells: cells.map((cell) => {
          const [error, bound] = cell.split('/').map(Number);
          return { error, bound };
        }),
      };
    });
}

test('docs/sinkhorn-gradients.md: every error of the table, computed again, is within its bound', () =>
  withEngine(async (engine) => {
    const table = readTable();
    assert.deepEqual(
      table.map(({ epsilon, iterations }) => [epsilon, iterations]),
      TABLE_ROWS,
    );
    for (const { epsilon, iterations, cells } of table) {
      assert.equal(cells.length, TABLE_COLUMNS.length);
      const errors = await measureErrors(engine, epsilon, iterations);
      TABLE_COLUMNS.forEach((column, index) => {
        const { error, bound } = cells[index];
        assert.ok(error <= bound && bound <= 1e-4, `ε = ${epsilon}, ${column}: the document states ${error} and the bound ${bound}`);
        assert.ok(errors[column] <= bound, `ε = ${epsilon}, ${column}: ${errors[column].toExponential(1)} exceeds the stated bound ${bound}`);
      });
    }
  }));

test('docs/sinkhorn-gradients.md: after 50 iterations, the implicit gradient is as far off as stated', () => {
  const rows = documentLines().flatMap((line) => {
    const match = /^\| ([\d.]+) \| ([\d.e-]+) \| ([\d.e-]+) \|$/.exec(line);
    return match ? [match.slice(1).map(Number)] : [];
  });
  assert.deepEqual(
    rows.map(([epsilon]) => epsilon),
    TABLE_ROWS.map(([epsilon]) => epsilon),
  );
  for (const [epsilon, residual, implicit] of rows) {
    const measured = measureTruncated(epsilon);
    // Float64 and the same on every machine, but for the last digit of what is rounding itself.
    const same = (what: string, actual: number, stated: number): void =>
      assert.ok(stated < 1e-8 ? actual < 1e-8 : Math.abs(actual - stated) <= 0.06 * stated, `ε = ${epsilon}: ${what} is ${actual.toExponential(1)}, stated ${stated}`);
    same('residual', measured.residual, residual);
    same('implicit against unrolled', measured.implicit, implicit);
  }
});
