/**
 * Charts as inline SVG, drawn by echarts without a browser. Colours are CSS variables of the page, so that the same
 * drawing suits a light and a dark page.
 */
import { BarChart, LineChart, ScatterChart } from 'echarts/charts';
import { GridComponent } from 'echarts/components';
import * as echarts from 'echarts/core';
import type { EChartsCoreOption } from 'echarts/core';
import { SVGRenderer } from 'echarts/renderers';
import { escape, type Mark } from './markup.js';

echarts.use([BarChart, LineChart, ScatterChart, GridComponent, SVGRenderer]);

/** Points kept per line; more are averaged in groups of neighbours. */
const MAX_POINTS = 240;

/** One line: y over x; y that is not finite leaves a gap. */
export interface Line {
  readonly name: string;
  /** A CSS value. */
  readonly color: string;
  readonly width?: number;
  readonly points: readonly (readonly [number, number])[];
}

/** One method in {@link f1Chart}: y in per cent per category. */
export interface F1Series {
  readonly mark: Mark;
  readonly color: string;
  readonly values: readonly number[];
}

/** Text of axes. */
export const FONT = { fontFamily: 'inherit', fontSize: 12, color: 'var(--muted)' };
/** A value axis in the page's style. */
export const VALUE_AXIS = {
  type: 'value',
  axisLabel: { ...FONT, hideOverlap: true },
  axisTick: { show: false },
  splitLine: { lineStyle: { color: 'var(--line)' } },
};

/** The SVG of an option, without what only echarts in a browser uses, and with a text for screen readers. */
export function toSvg(option: EChartsCoreOption, width: number, height: number, description: string): string {
  const chart = echarts.init(null, null, { renderer: 'svg', ssr: true, width, height });
  try {
    chart.setOption({ animation: false, textStyle: FONT, ...option });
    return chart
      .renderToSVGString()
      .replace(/<style[\s\S]*?<\/style>/g, '')
      .replace(/ (class|ecmeta_\w+|pointer-events|xml:space)="[^"]*"/g, '')
      .replace(/<rect [^>]*fill="none"[^>]*><\/rect>/g, '')
      // Names count up with every chart of the process: named by size and content the same report is the same text.
      .replace(/zr\d+-/g, `${fingerprint(description)}-`)
      .replace(/^<svg [^>]*>/, (opening) =>
        opening
          .replace(/ (width|height)="[^"]*"/g, '')
          .replace(/>$/, ` role="img" aria-label="${escape(description)}">`),
      );
  } finally {
    // Otherwise a timer of its own keeps the process alive.
    chart.dispose();
  }
}

/** A short name from a text (FNV-1a, 32 bits). */
function fingerprint(text: string): string {
  let hash = 0x811c9dc5;
  for (const character of text) hash = Math.imul(hash ^ (character.codePointAt(0) ?? 0), 0x01000193);
  return `c${(hash >>> 0).toString(36)}`;
}

/** At most {@link MAX_POINTS} points, each the mean of neighbours; values that are not finite make a gap. */
export function thinned(points: Line['points']): (readonly [number, number | null])[] {
  const size = Math.ceil(points.length / MAX_POINTS);
  const result: (readonly [number, number | null])[] = [];
  for (let at = 0; at < points.length; at += Math.max(1, size)) {
    const group = points.slice(at, at + size);
    const mean = (axis: 0 | 1) => group.reduce((sum, point) => sum + point[axis], 0) / group.length;
    const value = mean(1);
    result.push([mean(0), Number.isFinite(value) ? value : null]);
  }
  return result;
}

/** Lines over the training step. `fromZero` makes the value axis begin at 0 instead of at the smallest value. */
export function lineChart(
  lines: readonly Line[],
  size: { width: number; height: number; fromZero: boolean },
  description: string,
): string {
  const last = Math.max(1, ...lines.map(({ points }) => points.at(-1)?.[0] ?? 0));
  const option = {
    grid: { left: 8, right: 14, top: 10, bottom: 4, outerBoundsMode: 'same', outerBoundsContain: 'axisLabel' },
    xAxis: {
      ...VALUE_AXIS,
      min: 0,
      max: last,
      splitLine: { show: false },
      axisLine: { lineStyle: { color: 'var(--line)' } },
      splitNumber: size.width > 500 ? 8 : 3,
          },
    yAxis: { ...VALUE_AXIS, axisLine: { show: false }, scale: !size.fromZero, splitNumber: size.height > 200 ? 5 : 3 },
    series: lines.map(({ name, color, width, points }) => ({
      name,
      type: 'line',
      silent: true,
      symbol: 'none',
      lineStyle: { color, width: width ?? 1.8 },
      itemStyle: { color },
      data: thinned(points),
    })),
  };
  return toSvg(option, size.width, size.height, description);
}

/** Sideways places of the marks over a bar, so that equal values do not hide each other. */
const OFFSETS: Partial<Record<Mark, number>> = { circle: -11, diamond: 0, triangle: 11 };
const SYMBOLS: Partial<Record<Mark, string>> = { dash: 'rect', circle: 'circle', diamond: 'diamond', triangle: 'triangle' };

/** F1 per category: a bar for the series with mark 'bar', a mark over it for each other one. Values in per cent. */
export function f1Chart(categories: readonly string[], series: readonly F1Series[], description: string): string {
  const option = {
    grid: { left: 8, right: 8, top: 22, bottom: 4, outerBoundsMode: 'same', outerBoundsContain: 'axisLabel' },
    xAxis: {
      type: 'category',
      data: categories,
      axisLabel: { ...FONT, interval: 0 },
      axisTick: { show: false },
      axisLine: { lineStyle: { color: 'var(--line)' } },
    },
    yAxis: { ...VALUE_AXIS, min: 0, max: 100, interval: 20 },
    series: series.map(({ mark, color, values }) =>
      mark === 'bar'
        ? {
            type: 'bar',
            silent: true,
            barWidth: '62%',
            itemStyle: { color, borderRadius: [2, 2, 0, 0] },
            data: values,
          }
        : {
            type: 'scatter',
            silent: true,
            symbol: SYMBOLS[mark] ?? 'circle',
            symbolSize: mark === 'dash' ? [46, 3] : mark === 'circle' ? 9 : 11,
            symbolOffset: [OFFSETS[mark] ?? 0, 0],
            itemStyle: { color, borderColor: 'var(--card)', borderWidth: mark === 'dash' ? 0 : 1.2, opacity: 1 },
            data: values,
          },
    ),
  };
  return toSvg(option, 1000, 340, description);
}
