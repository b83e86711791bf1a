/** The benchmark's charts, drawn as the training report's: SVG with the page's colours, without a browser. */
import { FONT, toSvg, VALUE_AXIS } from '../../src/report/charts.js';
import { formatRate, formatSeconds } from '../format.js';

/** Colours of series, repeated when there are more. */
export const COLORS = [1, 2, 3, 4, 5].map((number) => `var(--series-${number})`);

const GRID = { left: 8, right: 24, top: 26, bottom: 22, outerBoundsMode: 'same', outerBoundsContain: 'axisLabel' };
const LOG_AXIS = { ...VALUE_AXIS, type: 'log', minorSplitLine: { show: false }, nameTextStyle: FONT };

export interface RooflinePoint {
  readonly name: string;
  /** Operations per byte. */
  readonly intensity: number;
  /** Operations per second. */
  readonly rate: number;
}

/** One colour of points in the roofline. */
export interface RooflineSeries {
  readonly name: string;
  readonly color: string;
  readonly points: readonly RooflinePoint[];
}

/** The nearest powers of ten around positive values. */
function decades(values: readonly number[]): [number, number] {
  return [10 ** Math.floor(Math.log10(Math.min(...values))), 10 ** Math.ceil(Math.log10(Math.max(...values) * 1.0001))];
}

/**
 * Operations per second over operations per byte, under the roof of the measured peaks (Williams, Waterman and
 * Patterson 2009). Points above the roof are drawn where they are.
 * @param bandwidth bytes per second of a copy
 * @param compute operations per second of multiply-adds
 */
export function rooflineChart(series: readonly RooflineSeries[], bandwidth: number, compute: number): string {
  const points = series.flatMap((own) => own.points);
  const ridge = compute / bandwidth;
  const [left, right] = decades([...points.map(({ intensity }) => intensity), ridge / 2, ridge * 4]);
  const [bottom, top] = decades([...points.map(({ rate }) => rate), compute]);
  const roof = [[left, left * bandwidth], [ridge, compute], [right, compute]];
  const option = {
    grid: GRID,
    xAxis: { ...LOG_AXIS, min: left, max: right, name: 'operations per byte', nameLocation: 'middle', nameGap: 26 },
    yAxis: { ...LOG_AXIS, min: bottom, max: top, name: 'operations per second', axisLabel: { ...VALUE_AXIS.axisLabel, formatter: (value: number) => formatRate(value, '') } },
    series: [
      { type: 'line', silent: true, symbol: 'none', lineStyle: { color: 'var(--ink)', width: 1.6 }, data: roof },
      ...series.map(({ color, points: own }) => ({
        type: 'scatter',
        silent: true,
        symbolSize: 8,
        itemStyle: { color, opacity: 0.85 },
        data: own.map(({ intensity, rate }) => [intensity, rate]),
      })),
    ],
  };
  return toSvg(option, 1000, 440, `Roofline of ${points.length} rows under ${formatRate(bandwidth, 'B/s')} and ${formatRate(compute, 'FLOP/s')}`);
}

export interface Bar {
  readonly name: string;
  readonly value: number;
  readonly text: string;
  readonly color: string;
}

/** Horizontal bars from 0, the first one on top, each with its value in words. */
export function barChart(bars: readonly Bar[], description: string): string {
  const option = {
    grid: { ...GRID, right: 150, top: 4, bottom: 4 },
    xAxis: { ...VALUE_AXIS, min: 0, axisLabel: { show: false }, splitLine: { show: false } },
    yAxis: { type: 'category', inverse: true, data: bars.map(({ name }) => name), axisLabel: { ...FONT, interval: 0 }, axisTick: { show: false }, axisLine: { lineStyle: { color: 'var(--line)' } } },
    series: [
      {
        type: 'bar',
        silent: true,
        barWidth: '62%',
        label: { ...FONT, show: true, position: 'right', formatter: ({ dataIndex }: { dataIndex: number }) => bars[dataIndex].text },
        data: bars.map(({ value, color }) => ({ value, itemStyle: { color, borderRadius: [0, 2, 2, 0] } })),
      },
    ],
  };
  return toSvg(option, 1000, 16 + 26 * bars.length, description);
}

/** Measured points and the fitted power law through them, both axes logarithmic. */
export function growthChart(points: readonly (readonly [number, number])[], fit: { readonly exponent: number; readonly factor: number }, variable: string, description: string): string {
  const xs = points.map(([x]) => x);
  const ends = [Math.min(...xs), Math.max(...xs)];
  const fitted = ends.map((x) => [x, fit.factor * x ** fit.exponent]);
  const [bottom, top] = decades([...points.map(([, y]) => y), ...fitted.map(([, y]) => y)]);
  const option = {
    grid: GRID,
    xAxis: { ...LOG_AXIS, logBase: 2, min: 2 ** Math.floor(Math.log2(ends[0])), max: 2 ** Math.ceil(Math.log2(ends[1])), name: variable, nameLocation: 'middle', nameGap: 26 },
    yAxis: { ...LOG_AXIS, min: bottom, max: top, axisLabel: { ...VALUE_AXIS.axisLabel, formatter: (value: number) => formatSeconds(value) } },
    series: [
      { type: 'line', silent: true, symbol: 'none', lineStyle: { color: 'var(--muted)', width: 1.4, type: 'dashed' }, data: fitted },
      { type: 'scatter', silent: true, symbolSize: 9, itemStyle: { color: COLORS[0] }, data: points.map(([x, y]) => [x, y]) },
    ],
  };
  return toSvg(option, 480, 280, description);
}
