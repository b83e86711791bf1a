/** How time grows with size. */
import { escape } from '../../src/report/markup.js';
import { threeDigits } from '../format.js';
import type { BenchResult } from '../harness/schema.js';
import { growthChart } from './charts.js';
import { card } from './parts.js';

/** A small chart for each series. */
export function growth(result: BenchResult): string {
  const figures = result.series.map((fit) => {
    const error = fit.standardError === null ? '' : ` ± ${threeDigits(fit.standardError)}`;
    return card(result, fit.name, growthChart(fit.points, fit, fit.variable, fit.name), escape(`time ~ ${fit.variable}^${threeDigits(fit.exponent)}${error} (${fit.clock} time)`));
  });
  return figures.length === 0 ? '' : `<div class="growth">${figures.join('')}</div>`;
}
