/** How near every row comes to what the device did at best. */
import { figure, legend, type Mark } from '../../src/report/markup.js';
import { ratesOf, softwareMark, timeOf } from '../figures.js';
import type { BenchResult, Row } from '../harness/schema.js';
import { rooflineChart, type RooflineSeries } from './charts.js';

/** Kinds of ops by colour and mark: an op of its own colour each would be too many to tell apart. */
const KINDS: readonly { readonly name: string; readonly color: string; readonly mark: Mark; readonly ops: RegExp }[] = [
  { name: 'matrix products and linear layers', color: 'var(--series-1)', mark: 'circle', ops: /^(matmul|linear|mlp|conv2d|convolutionStem|weight gradient)/ },
  { name: 'attention and Swin blocks', color: 'var(--series-2)', mark: 'diamond', ops: /^(windowAttention|Swin block)/ },
  { name: 'normalisation, softmax and other rows', color: 'var(--series-3)', mark: 'triangle', ops: /^(layerNorm|batchNorm|softmax|l2Normalize|negativeCosine|contrastive)/ },
  { name: 'transport and pooling', color: 'var(--series-4)', mark: 'circle', ops: /^(sinkhorn|regionPool|meanPool|transportLoss|relationMarginals|auMaps)/ },
  { name: 'optimiser, elementwise and the rest', color: 'var(--series-5)', mark: 'diamond', ops: /./ },
];

/** The figure; empty when a peak is not known or no row has both operations and bytes. */
export function roofline(result: BenchResult): string {
  const { copy, fma } = result.peaks;
  if (!copy || !fma) return '';
  // Rows beside other libraries repeat others, by the wall clock.
  const rows = result.rows.filter((row) => row.section !== 'peers' && timeOf(row) && row.flops > 0 && row.bytes > 0);
  const kindOf = ({ op }: Row): number => KINDS.findIndex(({ ops }) => ops.test(op));
  const series: RooflineSeries[] = KINDS.flatMap(({ name, color, mark }, at) => {
    const own = rows.filter((row) => kindOf(row) === at);
    const points = own.map((row) => ({ name: row.op, intensity: row.flops / row.bytes, rate: ratesOf(row, result.peaks).flopsPerSecond ?? 0 }));
    return points.length === 0 ? [] : [{ name, color, mark, points }];
  });
  if (series.length === 0) return '';
  const caption =
    'Each point is a row; the fastest row of each op is named where there is room. The line is what this device did at best: a copy on the left, f32 multiply-adds in registers on the right. ' +
    'Operations and bytes are what the kernels state as necessary, so a point may lie above the line where caches help, or where products of f16 run in faster units.';
  const legendHtml = legend(series.map(({ name, color, mark }) => ({ mark, color, text: name })));
  return figure(`Operations per second over operations per byte${softwareMark(result)}`, `<div class="scroll chart">${rooflineChart(series, copy.value, fma.value)}</div>`, caption, legendHtml);
}
