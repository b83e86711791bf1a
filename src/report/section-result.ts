/** Head of the report and its result: facts of the run, headline numbers, F1 chart and F1 table. */
import { AU_NAMES } from '../data/action-units.js';
import { f1Chart } from './charts.js';
import { escape, figure, legend, type Mark } from './markup.js';
import { methodsOf, percent } from './methods.js';
import type { Method, MethodScores, RunSummary } from './types.js';

const MARKS: Readonly<Record<Method, { mark: Mark; color: string }>> = {
  model: { mark: 'bar', color: 'var(--bar)' },
  alwaysPositive: { mark: 'dash', color: 'var(--always)' },
  randomInit: { mark: 'circle', color: 'var(--random)' },
  globalOnly: { mark: 'diamond', color: 'var(--global)' },
  supervised: { mark: 'triangle', color: 'var(--supervised)' },
};

/** Seconds as people say them: "48 s", "12 min 5 s", "3 h 20 min". */
export function duration(seconds: number): string {
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}

/** The name of the adapter from what it says about itself, without repeating words. */
export function adapterName({ vendor, architecture, device, description }: RunSummary['adapter']): string {
  const parts = (description ? [description] : [vendor, architecture, device]).filter((part) => part !== '');
  const known = description.toLowerCase();
  if (vendor && description && !known.includes(vendor.toLowerCase())) parts.unshift(vendor);
  return parts.join(' ') || 'unnamed adapter';
}

/** "8.2 points above", "0.4 points below" or "level with", from two macro F1 in 0..1. */
function comparison(own: number, other: number): string {
  // From the rounded numbers that are printed beside it, so that a reader's subtraction agrees.
  const points = (Math.round(own * 1000) - Math.round(other * 1000)) / 10;
  if (points === 0) return 'level with';
  return `${Math.abs(points).toFixed(1)} points ${points > 0 ? 'above' : 'below'}`;
}

/** The result in one sentence, which says so when the model is not better. */
function leadSentence(summary: RunSummary): string {
  const { model, alwaysPositive, randomInit } = summary.scores;
  const parts = [
    ...(alwaysPositive ? [`${comparison(model.macro, alwaysPositive.macro)} always saying “present”`] : []),
    ...(randomInit ? [`${comparison(model.macro, randomInit.macro)} the same network before training`] : []),
  ];
  const against = parts.length > 0 ? `: ${parts.join(' and ')}` : '';
  return `Over ${summary.actionUnits.length} action units the mean F1 on people it has never seen is ${percent(model.macro)} %${against}.`;
}

/** Title, the facts of the run and the result in one sentence. */
export function headerSection(summary: RunSummary): string {
  const fact = (name: string, html: string, wide = false) =>
    `<div${wide ? ' class="wide"' : ''}><dt>${name}</dt><dd>${html}</dd></div>`;
  const badge = summary.adapter.software ? '<span class="badge">software adapter</span>' : '';
  const date = `${summary.date.slice(0, 10)} ${summary.date.slice(11, 16)} UTC`;
  return [
    '<header><p class="eyebrow">Zygo training report</p>',
    `<h1>${escape(summary.title)}</h1><dl class="facts">`,
    fact('Adapter', escape(adapterName(summary.adapter)) + badge, true),
    fact('Preset', escape(summary.preset)),
    ...(summary.precision === 'mixed' ? [fact('Precision', 'mixed (f16 and f32)')] : []),
    fact('Seed', String(summary.seed)),
    fact('Date', escape(date)),
    fact('Wall time', duration(summary.wallSeconds)),
    fact('Training steps', String(summary.steps)),
    fact('Throughput', `${summary.samplesPerSecond.toPrecision(3)} faces/s`),
    fact('Faces', escape(summary.dataset), true),
    ...(summary.memory ? [fact('Device memory', memoryInWords(summary.memory), true)] : []),
    fact('Budget', escape(summary.budgetNote), true),
    `</dl><p class="lead">${escape(leadSentence(summary))}</p></header>`,
  ].join('');
}

/** "2048 MiB: step 1735 MiB (largest live set 1734 MiB), parameters, optimiser and faces 313 MiB". */
function memoryInWords({ residentBytes, peakBytes, lowerBoundBytes }: NonNullable<RunSummary['memory']>): string {
  const mebibytes = (bytes: number) => `${(bytes / 2 ** 20).toFixed(0)} MiB`;
  return (
    `${mebibytes(residentBytes + peakBytes)}: step ${mebibytes(peakBytes)} (largest live set ${mebibytes(lowerBoundBytes)}), ` +
    `parameters, optimiser and faces ${mebibytes(residentBytes)}`
  );
}

function headlineNumbers(summary: RunSummary): string {
  const own = summary.scores.model.macro;
  const boxes = methodsOf(summary).map(({ method, scores, text }) => {
    const note = method === 'model' ? 'mean F1 in per cent' : `model ${comparison(own, scores.macro)}`;
    return `<div${method === 'model' ? ' class="own"' : ''}><b>${percent(scores.macro)}</b><span>${escape(text.name)}</span><span>${escape(note)}</span></div>`;
  });
  return `<div class="stats">${boxes.join('')}</div>`;
}

function table(summary: RunSummary): string {
  const methods = methodsOf(summary);
  const cell = (method: Method, value: number | undefined, best = false) => {
    const classes = [method === 'model' ? 'own' : '', best ? 'best' : ''].filter(Boolean).join(' ');
    return `<td${classes ? ` class="${classes}"` : ''}>${value === undefined ? '' : percent(value)}</td>`;
  };
  const rows = summary.actionUnits.map((au, column) => {
    const values = methods.map(({ scores }) => scores.perAu[column]);
    const best = Math.max(...methods.map(({ method }, i) => (method === 'supervised' ? 0 : values[i])));
    const cells = methods.map(({ method }, i) => cell(method, values[i], method !== 'supervised' && values[i] === best));
    return `<tr><td>${au}</td><td>${AU_NAMES[au]}</td><td>${percent(summary.prevalence[column])}</td>${cells.join('')}</tr>`;
  });
  const foot = (name: string, value: (scores: MethodScores) => number | undefined) =>
    methods.some(({ scores }) => value(scores) !== undefined)
      ? `<tr><td></td><td>${name}</td><td></td>${methods.map(({ method, scores }) => cell(method, value(scores))).join('')}</tr>`
      : '';
  const headers = methods.map(({ method, text }) => `<th${method === 'model' ? ' class="own"' : ''}>${text.name}</th>`);
  return (
    `<div class="scroll"><table><thead><tr><th>AU</th><th>Movement</th><th>Present</th>${headers.join('')}</tr></thead>` +
    `<tbody>${rows.join('')}</tbody><tfoot>` +
    foot('Mean (macro F1)', ({ macro }) => macro) +
    foot('Mean, threshold 0.5', ({ macroAtHalf }) => macroAtHalf) +
    foot('Mean, 10 % of the labels', ({ macroTenPercent }) => macroTenPercent) +
    '</tfoot></table></div>'
  );
}

/** Headline numbers, the F1 chart and the F1 table with their explanations. */
export function resultSection(summary: RunSummary): string {
  const methods = methodsOf(summary);
  const series = methods.map(({ method, scores }) => ({
    ...MARKS[method],
    values: [...scores.perAu, scores.macro].map((value) => Math.round(value * 1000) / 10),
  }));
  const categories = [...summary.actionUnits.map((au) => `AU ${au}`), 'Mean'];
  const chart = f1Chart(categories, series, `F1 per action unit, mean ${percent(summary.scores.model.macro)} per cent`);
  const chartLegend = legend(methods.map(({ method, text }) => ({ ...MARKS[method], text: text.name })));
  const meanings = methods.map(({ text }) => `${text.name}: ${text.meaning}.`).join(' ');
  return (
    '<section><h2>Result</h2><p>F1 in per cent on test faces. No person is both in the training and in the test faces.</p>' +
    headlineNumbers(summary) +
    figure(
      'F1 per action unit',
      `<div class="scroll chart">${chart}</div>`,
      'The bar is the model; the marks are what it must be compared with. F1 is the harmonic mean of precision and ' +
        'recall, so a frequent action unit scores high even when always called present: look at the distance to that dash, ' +
        `not at the height alone. ${meanings}`,
      chartLegend,
    ) +
    figure(
      'The same in numbers',
      table(summary),
      'Present is the share of the test faces that show the action unit. The decision threshold of each action unit was ' +
        'chosen by cross-validation inside the training labels; the line “threshold 0.5” has the fixed one that ' +
        'publications use. The highest value of each row, the supervised one aside, is bold.',
    ) +
    '</section>'
  );
}
