/** The table of `zygo verify`. */
import type { OutputError, VerifyResult } from '../../verify/index.js';

const HEAD = ['op', 'shapes', 'variant', 'largest error', 'tolerance', 'verdict'] as const;

function errorOf({ error, output }: OutputError): string {
  return `${Number.isFinite(error) ? error.toExponential(1) : 'not finite'} (${output})`;
}

function verdictOf({ verdict, note }: VerifyResult): string {
  if (verdict === 'pass') return 'pass';
  if (verdict === 'fail') return `FAIL: ${note}`;
  return verdict === 'not offered' ? `not offered: ${note}` : `not run: ${note}`;
}

function cells(result: VerifyResult): string[] {
  // The worst output comes first.
  const worst = result.outputs.at(0);
  const tolerance = worst === undefined ? '-' : worst.tolerance === 0 ? 'exact' : worst.tolerance.toExponential(1);
  return [result.op, result.name, result.variant, worst ? errorOf(worst) : '-', tolerance, verdictOf(result)];
}

/** One row per op and variant, under a head, in columns. */
export function tableLines(results: readonly VerifyResult[]): string[] {
  const rows = [[...HEAD], ...results.map(cells)];
  const widths = HEAD.map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  return rows.map((row) => row.map((cell, column) => cell.padEnd(widths[column])).join('  ').trimEnd());
}

/** How many checks ended how. */
export function countsOf(results: readonly VerifyResult[]): { passed: number; failed: number; notOffered: number; otherShapes: number } {
  const count = (verdict: VerifyResult['verdict']): number => results.filter((result) => result.verdict === verdict).length;
  return { passed: count('pass'), failed: count('fail'), notOffered: count('not offered'), otherShapes: count('other shapes') };
}

/** "225 passed, 0 failed, ..." in one line. */
export function summaryLine(results: readonly VerifyResult[], seconds: number): string {
  const { passed, failed, notOffered, otherShapes } = countsOf(results);
  const ops = new Set(results.map(({ op }) => op)).size;
  return (
    `${passed} passed, ${failed} failed, ${notOffered} not offered by this device, ` +
    `${otherShapes} not run on shapes that their variant does not take; ${ops} ops in ${seconds.toFixed(0)} s.`
  );
}
