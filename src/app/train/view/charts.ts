/** echarts, with only what the pages draw: lines, in SVG (sharp at every zoom, and readable by test and screenshot). */
import { LineChart, type LineSeriesOption } from 'echarts/charts';
import { GridComponent, TooltipComponent, type GridComponentOption, type TooltipComponentOption } from 'echarts/components';
import { init, use, type ComposeOption, type EChartsType } from 'echarts/core';
import { SVGRenderer } from 'echarts/renderers';
import { cssValue } from '../../shared/dom.js';

use([LineChart, GridComponent, TooltipComponent, SVGRenderer]);

/** What `setOption` of a chart of these pages takes: echarts' options, as far as the parts registered here go. */
export type ChartOption = ComposeOption<LineSeriesOption | GridComponentOption | TooltipComponentOption>;

/** A chart that follows the size of its element. */
export function makeChart(element: HTMLElement): EChartsType {
  const chart = init(element, null, { renderer: 'svg' });
  new ResizeObserver(() => chart.resize()).observe(element);
  return chart;
}

/** Text and line colours of the current colour scheme. */
export function chartColours(): { ink: string; soft: string; line: string; card: string } {
  return { ink: cssValue('--ink'), soft: cssValue('--soft'), line: cssValue('--line'), card: cssValue('--card') };
}

/** Calls `draw` at most once per animation frame, however often it is asked for. */
export function oncePerFrame(draw: () => void): () => void {
  let waiting = false;
  return () => {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => {
      waiting = false;
      draw();
    });
  };
}
