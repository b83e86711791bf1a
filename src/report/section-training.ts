/** How training went: the losses, and whether the features collapsed. */
import { lineChart, type Line } from './charts.js';
import { escape, figure, legend } from './markup.js';
import type { MetricsRecord } from './types.js';

const SERIES_COLORS = 5;

/** What is known about a measure by its name; others are shown under their own name. */
const MEASURES: Readonly<Record<string, { title: string; meaning: string }>> = {
  featureStd: {
    title: 'Feature spread',
    meaning:
      'Standard deviation of the unit-length features over faces. With D dimensions 1/√D is spread evenly; a fall to 0 means that all faces look the same to the network.',
  },
  effectiveRank: {
    title: 'Effective rank',
    meaning: 'How many directions the features really use. A value near 1 is a collapse onto a line.',
  },
  planEntropy: {
    title: 'Plan entropy',
    meaning: 'Of the transport plan: 1 when every region is matched with every other alike, lower the more decided the matching is.',
  },
  marginalResidual: {
    title: 'Marginal residual',
    meaning: 'How far the plan misses the masses it should have after the last Sinkhorn iteration; it should stay small.',
  },
  gradientNorm: { title: 'Gradient norm', meaning: 'Length of the whole gradient; sudden peaks announce trouble.' },
  lossScale: { title: 'Loss scale', meaning: 'Of mixed precision: the gradients are computed this many times larger. It halves when they overflow and doubles after a long time without.' },
  overflows: { title: 'Steps skipped', meaning: 'Of mixed precision: steps so far whose gradients overflowed, and which changed nothing.' },
  learningRate: { title: 'Learning rate', meaning: 'The schedule as it was applied.' },
  samplesPerSecond: { title: 'Faces per second', meaning: 'A fall means that the machine was busy with something else.' },
};

const TERM_NAMES: Readonly<Record<string, string>> = {
  global: 'Global',
  region: 'Region',
  relation: 'Relation (transport)',
  contrast: 'Contrast per region',
};

/** Names in the order of their first appearance, over all records. */
function namesIn(metrics: readonly MetricsRecord[], part: 'terms' | 'collapse'): string[] {
  return [...new Set(metrics.flatMap((record) => Object.keys(record[part])))];
}

function lossFigure(metrics: readonly MetricsRecord[]): string {
  const lines: Line[] = [
    { name: 'Total', color: 'var(--ink)', width: 2.4, points: metrics.map(({ step, loss }) => [step, loss]) },
    ...namesIn(metrics, 'terms').map((name, index) => ({
      name: TERM_NAMES[name] ?? name,
      color: `var(--series-${(index % SERIES_COLORS) + 1})`,
      points: metrics.map(({ step, terms }) => [step, terms[name] ?? NaN] as const),
    })),
  ];
  return figure(
    'Loss',
    `<div class="scroll chart">${lineChart(lines, { width: 1000, height: 320, fromZero: false }, 'Loss and its terms over the training steps')}</div>`,
    'Each term and their total over the training steps. A self-supervised loss has no meaningful zero: a lower value ' +
      'helps only if the features below stay spread out, because a collapsed network has the lowest loss of all. ' +
      'In long runs each point is the mean of neighbouring steps.',
    legend(lines.map(({ name, color }) => ({ mark: 'line', color, text: name }))),
  );
}

function measureFigure(key: string, points: Line['points']): string {
  const { title, meaning } = MEASURES[key] ?? { title: key, meaning: '' };
  const line = { name: title, color: 'var(--model)', points };
  return figure(title, lineChart([line], { width: 270, height: 150, fromZero: true }, `${title} over the training steps`), meaning);
}

/** Loss curves and collapse measures; a sentence instead when no step was recorded. */
export function trainingSection(metrics: readonly MetricsRecord[]): string {
  if (metrics.length === 0) return '<section><h2>Training</h2><p>No training step was recorded.</p></section>';
  const measures = [
    ...namesIn(metrics, 'collapse').map((key) =>
      measureFigure(key, metrics.map(({ step, collapse }) => [step, collapse[key] ?? NaN])),
    ),
    measureFigure('learningRate', metrics.map(({ step, learningRate }) => [step, learningRate])),
    measureFigure('samplesPerSecond', metrics.map(({ step, samplesPerSecond }) => [step, samplesPerSecond])),
  ];
  const last = metrics[metrics.length - 1];
  return (
    `<section><h2>Training</h2><p>${escape(`${last.step} steps. Labels played no part in it.`)}</p>` +
    `${lossFigure(metrics)}<div class="multiples">${measures.join('')}</div></section>`
  );
}
