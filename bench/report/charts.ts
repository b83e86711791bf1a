/** The benchmark's charts, drawn as the training report's: SVG with the page's colours, without a browser. */
import { LabelLayout } from 'echarts/features';
import * as echarts from 'echarts/core';
import { FONT, toSvg, VALUE_AXIS } from '../../src/report/charts.js';
import type { Mark } from '../../src/report/markup.js';
import { formatRate, formatSeconds, threeDigits } from '../format.js';

echarts.use([LabelLayout]);

const GRID = { left: 8, right: 24, top: 26, bottom: 22, outerBoundsMode: 'same', outerBoundsContain: 'axisLabel' };
const LOG_AXIS = { ...VALUE_AXIS, type: 'log', minorSplitLine: { show: false }, nameTextStyle: FONT };

/** One row in the roofline. */
export interface RooflinePoint {
  /** The op; its fastest point carries the name. */
  readonly name: string;
  /** Operations per byte. */
  readonly intensity: number;
  /** Operations per second. */
  readonly rate: number;
}

/** One kind of points in the roofline. */
export interface RooflineSeries {
  readonly name: string;
  readonly color: string;
  readonly mark: Mark;
  readonly points: readonly RooflinePoint[];
}

/** The roofline's size, and about that of the part within its axes, in pixels. */
const CHART = { width: 1000, height: 480 };
const PLOT = { width: 890, height: 405 };

/** The nearest powers of ten around positive values. */
function decades(values: readonly number[]): [number, number] {
  return [10 ** Math.floor(Math.log10(Math.min(...values))), 10 ** Math.ceil(Math.log10(Math.max(...values) * 1.0001))];
}

/** Of the points of each op the fastest. */
function fastestOf(points: readonly RooflinePoint[]): Set<RooflinePoint> {
  const fastest = new Map<string, RooflinePoint>();
  for (const point of points) if (point.rate > (fastest.get(point.name)?.rate ?? 0)) fastest.set(point.name, point);
  return new Set(fastest.values());
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
  const named = fastestOf(points);
  const roof = [
    [left, left * bandwidth],
    [ridge, compute],
    [right, compute],
  ];
  // Where the slope enters the chart, and a fifth of the way from there to the ridge.
  const entry = Math.max(left, bottom / bandwidth);
  const early = entry * (ridge / entry) ** 0.2;
  const steepness = (Math.atan2(PLOT.height / Math.log(top / bottom), PLOT.width / Math.log(right / left)) * 180) / Math.PI;
  const roofLabel = { ...FONT, show: true, color: 'var(--ink)', fontWeight: 600, textBorderColor: 'var(--card)', textBorderWidth: 3 };
  const peaks = [
    // Along the slope, near its beginning: points gather near the ridge and below the line.
    { value: [early, early * bandwidth], label: { ...roofLabel, position: [0, 0], align: 'center', verticalAlign: 'bottom', offset: [0, -5], rotate: steepness, formatter: `copy ${formatRate(bandwidth, 'B/s')}` } },
    { value: [right, compute], label: { ...roofLabel, position: [0, -18], align: 'right', formatter: `f32 multiply-add ${formatRate(compute, 'FLOP/s')}` } },
  ];
  const option = {
    grid: { ...GRID, bottom: 34 },
    xAxis: {
      ...LOG_AXIS,
      min: left,
      max: right,
      name: 'operations per byte',
      nameLocation: 'middle',
      nameGap: 28,
      axisLabel: { ...VALUE_AXIS.axisLabel, formatter: (value: number) => threeDigits(value) },
    },
    yAxis: { ...LOG_AXIS, min: bottom, max: top, name: 'operations per second', nameTextStyle: { ...FONT, align: 'left' }, axisLabel: { ...VALUE_AXIS.axisLabel, formatter: (value: number) => formatRate(value, '') } },
    series: [
      { type: 'line', silent: true, symbol: 'none', lineStyle: { color: 'var(--ink)', width: 1.6 }, data: roof },
      { type: 'scatter', silent: true, symbolSize: 1, itemStyle: { color: 'var(--ink)' }, data: peaks },
      ...series.map(({ color, mark, points: own }) => ({
        type: 'scatter',
        silent: true,
        symbol: mark,
        symbolSize: 9,
        itemStyle: { color, opacity: 0.8 },
        labelLayout: { hideOverlap: true, moveOverlap: 'shiftY' },
        data: own.map((point) => ({
          value: [point.intensity, point.rate],
          label: { ...FONT, fontSize: 11, textBorderColor: 'var(--card)', textBorderWidth: 2, show: named.has(point), position: 'right', distance: 6, formatter: point.name },
        })),
      })),
    ],
  };
  return toSvg(option, CHART.width, CHART.height, `Roofline of ${points.length} rows under ${formatRate(bandwidth, 'B/s')} and ${formatRate(compute, 'FLOP/s')}`);
}

/** Measured points and the fitted power law through them, both axes logarithmic. */
export function growthChart(points: readonly (readonly [number, number])[], fit: { readonly exponent: number; readonly factor: number }, variable: string, description: string): string {
  const xs = points.map(([x]) => x);
  const ends = [Math.min(...xs), Math.max(...xs)];
  const fitted = ends.map((x) => [x, fit.factor * x ** fit.exponent]);
  const [bottom, top] = decades([...points.map(([, y]) => y), ...fitted.map(([, y]) => y)]);
  const option = {
    grid: { ...GRID, bottom: 30 },
    xAxis: { ...LOG_AXIS, logBase: 2, min: 2 ** Math.floor(Math.log2(ends[0])), max: 2 ** Math.ceil(Math.log2(ends[1])), name: variable, nameLocation: 'middle', nameGap: 26 },
    yAxis: { ...LOG_AXIS, min: bottom, max: top, axisLabel: { ...VALUE_AXIS.axisLabel, formatter: (value: number) => formatSeconds(value) } },
    series: [
      { type: 'line', silent: true, symbol: 'none', lineStyle: { color: 'var(--muted)', width: 1.4, type: 'dashed' }, data: fitted },
      { type: 'scatter', silent: true, symbolSize: 9, itemStyle: { color: 'var(--series-1)' }, data: points.map(([x, y]) => [x, y]) },
    ],
  };
  return toSvg(option, 400, 280, description);
}
