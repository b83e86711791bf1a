/** The loss and each of its terms over the steps. */
import { cssValue, h, onColourScheme } from '../../shared/dom.js';
import { formatMeasure } from '../../shared/format.js';
import type { TimedMetrics } from '../protocol.js';
import { chartColours, makeChart, oncePerFrame } from './charts.js';

/** Lines in drawing order; the dash, in pixels, tells them apart without colour. */
const LINES: readonly { readonly key: string; readonly name: string; readonly dash: readonly number[] }[] = [
  { key: 'total', name: 'Total', dash: [] },
  { key: 'global', name: 'Global', dash: [8, 3] },
  { key: 'region', name: 'Region', dash: [2, 3] },
  { key: 'contrast', name: 'Contrast', dash: [10, 3, 2, 3] },
  { key: 'relation', name: 'Relation', dash: [4, 4] },
];

/** A short piece of a line, for the legend. */
function swatch(key: string, dash: readonly number[]): HTMLElement {
  const holder = h('span', { class: 'swatch', 'aria-hidden': 'true' });
  const width = key === 'total' ? 2.5 : 1.75;
  // The only place where the page makes SVG itself: constants, no text of anybody's.
  holder.innerHTML = `<svg width="30" height="8"><path d="M0 4H30" stroke="var(--c-${key})" stroke-width="${width}" stroke-dasharray="${dash.join(' ')}"/></svg>`;
  return holder;
}

/**
 * The chart of the loss and its terms, with a legend of the latest values. Made once per page, cleared for each run, redrawn
 * at most once per frame.
 */
export class LossChart {
  private readonly points = new Map<string, [number, number][]>();
  private readonly chart;
  private readonly waiting = h('p', { class: 'waiting' }, 'The first step is on its way.');
  private readonly legend = new Map(LINES.map(({ key }) => [key, { item: h('li'), value: h('b') }]));
  private readonly draw = oncePerFrame(() => this.drawNow());
  private steps = 1;

  /** @param element takes the chart; the legend is put before it, and `data-points` counts the steps drawn */
  constructor(private readonly element: HTMLElement) {
    const canvas = h('div', { role: 'img', 'aria-label': 'Line chart of the loss and its terms over the training steps', style: 'height:100%' });
    element.append(canvas, this.waiting);
    const list = h('ul', { class: 'legend', 'aria-label': 'Latest values' });
    for (const { key, name, dash } of LINES) {
      const { item, value } = this.legend.get(key) as { item: HTMLLIElement; value: HTMLElement };
      item.append(swatch(key, dash), name, value);
      list.append(item);
    }
    element.before(list);
    this.chart = makeChart(canvas);
    this.clear(1);
    onColourScheme(this.draw);
  }

  /** Empties the chart for a run of so many steps. */
  clear(steps: number): void {
    this.steps = steps;
    this.points.clear();
    for (const { key } of LINES) this.points.set(key, []);
    for (const { item } of this.legend.values()) item.hidden = true;
    this.waiting.hidden = false;
    this.draw();
  }

  /**
   * Draws a step: `loss` as the line "Total", `terms` (not weighted) as those of their names; terms without a line are left
   * out.
   */
  add({ step, loss, terms }: TimedMetrics): void {
    this.waiting.hidden = true;
    for (const [key, value] of Object.entries({ total: loss, ...terms })) {
      this.points.get(key)?.push([step, value]);
      const entry = this.legend.get(key);
      if (!entry) continue;
      entry.item.hidden = false;
      entry.value.textContent = formatMeasure(value);
    }
    this.draw();
  }

  private drawNow(): void {
    const { soft, line, card, ink } = chartColours();
    const used = LINES.filter(({ key }) => (this.points.get(key) as unknown[]).length > 0);
    this.element.dataset.points = String(this.points.get('total')?.length ?? 0);
    const axis = { axisLine: { lineStyle: { color: line } }, axisTick: { show: false }, axisLabel: { color: soft }, nameTextStyle: { color: soft } };
    this.chart.setOption(
      {
        animation: false,
        textStyle: { fontFamily: 'inherit', color: ink },
        grid: { left: 8, right: 16, top: 16, bottom: 26, outerBoundsMode: 'same', outerBoundsContain: 'axisLabel' },
        tooltip: {
          show: used.length > 0,
          trigger: 'axis',
          backgroundColor: card,
          borderColor: line,
          textStyle: { color: ink },
          valueFormatter: (value: unknown) => formatMeasure(Number(value)),
        },
        xAxis: { ...axis, show: used.length > 0, type: 'value', name: 'step', nameLocation: 'middle', nameGap: 26, min: 1, max: Math.max(2, this.steps), minInterval: 1, splitLine: { show: false } },
        yAxis: { ...axis, show: used.length > 0, type: 'value', scale: true, axisLine: { show: false }, splitLine: { lineStyle: { color: line } } },
        series: used.map(({ key, name, dash }) => {
          const colour = cssValue(`--c-${key}`);
          const points = this.points.get(key) as [number, number][];
          return {
            name,
            type: 'line',
            data: points,
            showSymbol: points.length === 1,
            symbol: 'circle',
            symbolSize: 5,
            sampling: 'lttb',
            lineStyle: { color: colour, width: key === 'total' ? 2.5 : 1.75, type: dash.length > 0 ? [...dash] : 'solid' },
            itemStyle: { color: colour },
            emphasis: { disabled: true },
          } as const;
        }),
      },
      { notMerge: true },
    );
  }
}
