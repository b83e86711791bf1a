/** The collapse measures: a number, a small line and a sentence each. */
import { cssValue, h, onColourScheme } from '../../shared/dom.js';
import { formatMeasure } from '../../shared/format.js';
import type { TimedMetrics } from '../protocol.js';
import type { TrainSettings } from '../settings.js';
import { chartColours, makeChart, oncePerFrame } from './charts.js';

interface MeasureText {
  readonly key: string;
  readonly name: string;
  readonly meaning: string;
  /** True where only mixed precision has it. */
  readonly mixed?: boolean;
}

const MEASURES: readonly MeasureText[] = [
  { key: 'featureStd', name: 'Feature spread', meaning: 'Standard deviation of the features. Near 0, all faces look the same to the model.' },
  { key: 'effectiveRank', name: 'Effective rank', meaning: 'How many directions the features use. Near 1, they have collapsed to a line.' },
  { key: 'planEntropy', name: 'Plan entropy', meaning: 'Of the transport between regions. At 1, every region is matched with every other.' },
  { key: 'marginalResidual', name: 'Marginal residual', meaning: 'What the transport has yet to balance. Small means that it converged.' },
  { key: 'gradientNorm', name: 'Gradient norm', meaning: 'Before clipping. A sudden jump announces trouble.' },
  { key: 'lossScale', name: 'Loss scale', meaning: 'Of mixed precision. It halves when gradients overflow and doubles after a long time without.', mixed: true },
  { key: 'overflows', name: 'Steps skipped', meaning: 'Of mixed precision: their gradients overflowed, and they changed nothing.', mixed: true },
];

class Measure {
  private readonly points: [number, number][] = [];
  private readonly value = h('output', {}, '–');
  private readonly chart;
  private readonly draw = oncePerFrame(() => this.drawNow());
  private readonly box;
  private steps = 1;

  constructor(
    parent: HTMLElement,
    readonly text: MeasureText,
  ) {
    const { name, meaning } = text;
    const spark = h('div', { class: 'spark', 'aria-hidden': 'true' });
    // A live region for each step would never be silent: the value is there to be read, not announced.
    this.value.setAttribute('aria-live', 'off');
    this.box = h('div', { class: 'measure' }, h('h3', {}, name), this.value, spark, h('p', {}, meaning));
    parent.append(this.box);
    this.chart = makeChart(spark);
    onColourScheme(this.draw);
  }

  clear({ steps, precision }: TrainSettings): void {
    this.steps = steps;
    this.box.hidden = this.text.mixed === true && precision !== 'mixed';
    this.points.length = 0;
    this.value.textContent = '–';
    this.draw();
  }

  add(step: number, value: number | undefined): void {
    // A skipped step of mixed precision has no gradient norm.
    if (value === undefined || !Number.isFinite(value)) return;
    this.points.push([step, value]);
    this.value.textContent = formatMeasure(value);
    this.draw();
  }

  private drawNow(): void {
    this.chart.setOption(
      {
        animation: false,
        grid: { left: 2, right: 2, top: 6, bottom: 3 },
        xAxis: { type: 'value', show: true, min: 1, max: Math.max(2, this.steps), axisLabel: { show: false }, axisTick: { show: false }, splitLine: { show: false }, axisLine: { lineStyle: { color: chartColours().line }, onZero: false } },
        yAxis: { type: 'value', show: false, scale: true },
        series: [
          {
            type: 'line',
            data: this.points,
            silent: true,
            showSymbol: this.points.length === 1,
            symbolSize: 4,
            sampling: 'lttb',
            lineStyle: { width: 1.75, color: cssValue('--accent') },
            itemStyle: { color: cssValue('--accent') },
          },
        ],
      },
      { notMerge: true },
    );
  }
}

/**
 * The boxes of all collapse measures (`StepMetrics.collapse`), one below the other. Made once per page, cleared for each
 * run.
 */
export class MeasurePanel {
  private readonly measures: readonly Measure[];

  /** @param parent takes a box per measure */
  constructor(parent: HTMLElement) {
    this.measures = MEASURES.map((text) => new Measure(parent, text));
  }

  /** Empties all lines for a run. */
  clear(settings: TrainSettings): void {
    for (const measure of this.measures) measure.clear(settings);
  }

  /** Draws a step's measures; one that the step does not have, or that is not finite, is left out. */
  add({ step, collapse }: TimedMetrics): void {
    for (const measure of this.measures) measure.add(step, collapse[measure.text.key]);
  }
}
