import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decode as decodePng } from 'fast-png';
import { thinned } from '../src/report/charts.js';
import { renderReport } from '../src/report/html.js';
import { mapUri, tileUri, viridis } from '../src/report/images.js';
import { adapterName, duration } from '../src/report/section-result.js';
import { parseMetrics, runSummarySchema } from '../src/report/summary-schema.js';
import { renderF1Table } from '../src/report/table.js';
import type { FaceTile, MetricsRecord, ReportInput, RunSummary } from '../src/report/types.js';

const summary: RunSummary = {
  title: 'A <b>test</b> & more',
  adapter: { vendor: 'acme', architecture: 'x1', device: '', description: 'Rocket 3', software: true },
  seed: 7,
  preset: 'tiny',
  date: '2026-11-23T14:05:11.000Z',
  dataset: 'made-up faces',
  actionUnits: [1, 12],
  prevalence: [0.25, 0.5],
  scores: {
    model: { perAu: [0.4321, 0.8], macro: 0.616, macroAtHalf: 0.5 },
    alwaysPositive: { perAu: [0.4, 2 / 3], macro: 0.5333 },
    randomInit: { perAu: [0.5, 0.7], macro: 0.6 },
  },
  wallSeconds: 125,
  samplesPerSecond: 11.321,
  steps: 3,
  budgetNote: 'three steps',
};

const record = (step: number): MetricsRecord => ({
  step,
  loss: 2 / step,
  terms: { global: 1 / step, region: step === 2 ? NaN : 1 },
  collapse: { featureStd: 0.1, somethingNew: step },
  learningRate: 1e-3,
  samplesPerSecond: 10,
  elapsedSeconds: step,
});

const tile = (caption: string, map?: FaceTile['map']): FaceTile => ({
  width: 2,
  height: 1,
  rgba: Uint8Array.of(10, 20, 30, 255, 40, 50, 60, 0),
  caption,
  ...(map ? { map } : {}),
});

const full: ReportInput = {
  summary,
  metrics: [record(1), record(2), record(3)],
  contactSheet: { tiles: [tile('AU "12"', { width: 2, height: 2, values: Float32Array.of(0, 1, 0.5, NaN) })], columns: 4 },
  auSheet: { tiles: [tile('Neutral')] },
  transportPlans: [{ title: 'Plan', actionUnits: [1, 12], values: Float32Array.of(0.3, 0.1, 0.1, 0.5) }],
};

const pngOf = (uri: string) => decodePng(Uint8Array.from(atob(uri.split(',')[1]), (c) => c.charCodeAt(0)));

test('the terminal table: aligned, fits 80 columns, mean last, only the methods that were run', () => {
  const lines = renderF1Table(summary).split('\n');
  assert.match(lines[0], /^AU {2}Name +Present +Model +Always\+ +Random$/);
  const [, , first, second, , mean, half] = lines;
  assert.match(first, /^ 1 {2}Inner brow raiser +25\.0 +43\.2 +40\.0 +50\.0$/);
  assert.match(second, /^12 {2}Lip corner puller +50\.0 +80\.0 +66\.7 +70\.0$/);
  assert.match(mean, /Mean \(macro F1\) +37\.5 +61\.6 +53\.3 +60\.0$/);
  assert.match(half, /Mean, threshold 0\.5 +50\.0 *$/);
  const everything: RunSummary = {
    ...summary,
    scores: { ...summary.scores, globalOnly: summary.scores.model, supervised: summary.scores.model },
  };
  const wide = renderF1Table(everything).split('\n');
  assert.ok(wide.every((line) => line.length <= 80), wide.join('\n'));
  assert.equal(new Set(wide.slice(0, 6).map((line) => line.length)).size, 1, 'all rows are as long');
  assert.ok(!lines.join().includes('Global'));
});

test('the report is one file that needs nothing else, and is the same again', () => {
  const html = renderReport(full);
  assert.equal(renderReport(full), html);
  assert.ok(!/<script|<link|@import/i.test(html));
  for (const [, url] of html.matchAll(/(?:src|href|url)\s*[=(]\s*["']?([^"')\s]+)/g)) {
    assert.match(url, /^(data:image\/png;base64,|#)/, url);
  }
  assert.ok(html.startsWith('<!doctype html>'));
  // Void elements, and the self-closed shapes of SVG, are not opened.
  const open = [...html.matchAll(/<(\/?)([a-z][a-z0-9]*)((?:"[^"]*"|[^">])*?)(\/?)>/gi)];
  const stack: string[] = [];
  for (const [, slash, name, , selfClosed] of open) {
    if (selfClosed || ['meta', 'img', 'br'].includes(name)) continue;
    if (slash) assert.equal(stack.pop(), name);
    else stack.push(name);
  }
  assert.deepEqual(stack, []);
});

test('the report says what the run was and how it compares', () => {
  const html = renderReport(full);
  assert.ok(html.includes('A &lt;b&gt;test&lt;/b&gt; &amp; more'));
  assert.ok(!html.includes('<b>test'));
  assert.ok(html.includes('AU &quot;12&quot;'));
  for (const part of ['acme Rocket 3', 'software adapter', '2026-11-23 14:05 UTC', '2 min 5 s', '11.3 faces/s', 'three steps']) {
    assert.ok(html.includes(part), part);
  }
  assert.ok(html.includes('mean F1 on people it has never seen is 61.6 %: 8.3 points above always saying'));
  assert.ok(html.includes('1.6 points above the same network before training'));
  for (const title of ['Loss', 'Feature spread', 'somethingNew', 'Learning rate', 'Faces with attention maps', 'Plan']) {
    assert.ok(html.includes(`<h3>${title}</h3>`), title);
  }
  assert.ok(html.includes('AU 1 (Inner brow raiser) to AU 12 (Lip corner puller): 10.0 %'));
  const worse: RunSummary = { ...summary, scores: { ...summary.scores, model: { perAu: [0.4, 0.6], macro: 0.5 } } };
  const hardware = { ...worse, adapter: { ...summary.adapter, software: false } };
  const bad = renderReport({ summary: hardware, metrics: [] });
  assert.ok(bad.includes('3.3 points below always saying'));
  assert.ok(!bad.includes('software adapter'));
  assert.ok(bad.includes('No training step was recorded.'));
  assert.ok(!bad.includes('attention maps</h3>') && !bad.includes('class="heatmap"') && !bad.includes('full intensity'));
});

test('values that are not finite leave a gap and no NaN in the drawing', () => {
  const broken = { ...record(2), loss: NaN, collapse: { featureStd: Infinity, somethingNew: NaN } };
  const plan = { title: 'Plan', actionUnits: [1, 12] as const, values: Float32Array.of(NaN, 0, 0, 0) };
  const html = renderReport({ ...full, metrics: [record(1), broken, record(3)], transportPlans: [plan] });
  assert.ok(!/NaN|Infinity|undefined|null/.test(html.replace(/data:image[^"]+/g, '')));
});

test('long runs are drawn with few points that keep the mean', () => {
  const points = Array.from({ length: 5000 }, (_, i) => [i, Math.sin(i / 300)] as const);
  const thin = thinned(points);
  assert.ok(thin.length <= 240 && thin.length > 200);
  assert.ok(thin.every(([x, y]) => y !== null && Math.abs(y - Math.sin(x / 300)) < 0.01));
  assert.deepEqual(thinned([[1, 2], [2, NaN]]), [[1, 2], [2, null]]);
  assert.deepEqual(thinned([]), []);
});

test('tiles and maps become PNGs with the right pixels', () => {
  const face = pngOf(tileUri(tile('x')));
  assert.deepEqual([face.width, face.height, face.channels, ...face.data], [2, 1, 3, 10, 20, 30, 40, 50, 60]);
  const map = pngOf(mapUri({ width: 2, height: 2, values: Float32Array.of(-1, 4, 2, NaN) }));
  const pixel = (i: number) => [...map.data.slice(i * 4, i * 4 + 4)];
  assert.equal(pixel(0)[3], 0);
  assert.deepEqual(pixel(1), [253, 231, 37, 204]);
  assert.deepEqual(pixel(2), [...viridis(0.5), 102]);
  assert.equal(pixel(3)[3], 0);
  assert.ok(pngOf(mapUri({ width: 1, height: 1, values: Float32Array.of(0) })).data[3] === 0);
});

test('the colours of a map get steadily lighter', () => {
  const lightness = Array.from({ length: 21 }, (_, i) => {
    const [r, g, b] = viridis(i / 20);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  });
  for (let i = 1; i < lightness.length; i++) assert.ok(lightness[i] > lightness[i - 1]);
});

test('summary.json comes back as it was written, and a bad field is named', () => {
  assert.deepEqual(runSummarySchema.parse(JSON.parse(JSON.stringify(summary))), summary);
  const bad = (change: object, place: RegExp) => {
    const [issue] = runSummarySchema.safeParse({ ...summary, ...change }).error?.issues ?? assert.fail('it passed');
    assert.match(`"${issue.path.join('.')}": ${issue.message}`, place);
  };
  bad({ seed: 'one' }, /"seed"/);
  bad({ actionUnits: [1, 3] }, /"actionUnits\.1": not one of AU 1, 2, 4/);
  bad({ prevalence: [0.2] }, /"prevalence": has 1 entries for 2 AUs/);
  bad({ scores: { model: { perAu: [0.1, 43.2], macro: 0.2 } } }, /"scores\.model\.perAu\.1"/);
  bad({ scores: { model: { perAu: [0.1], macro: 0.2 } } }, /"scores\.model\.perAu": has 1 entries/);
  bad({ date: 'yesterday' }, /"date"/);
});

test('metrics.jsonl is read line by line; what a stopped run left half-written is dropped', () => {
  const lines = [record(1), record(2)].map((r) => JSON.stringify(r));
  assert.deepEqual(parseMetrics(`${lines.join('\n')}\n`, 'm'), [record(1), record(2)]);
  assert.deepEqual(parseMetrics(`${lines.join('\n')}\n${lines[0].slice(0, 30)}`, 'm').length, 2);
  assert.throws(() => parseMetrics(`${lines[0].slice(0, 30)}\n${lines[1]}\n`, 'm.jsonl'), /m\.jsonl, line 1: not valid JSON/);
  assert.throws(() => parseMetrics(`${lines[0]}\n{"step":"x"}\n`, 'm.jsonl'), /m\.jsonl, line 2, "step"/);
  assert.deepEqual(parseMetrics('', 'm'), []);
});

test('small texts', () => {
  assert.deepEqual([12.4, 59.6, 125, 3599.6, 12000].map(duration), ['12 s', '1 min 0 s', '2 min 5 s', '1 h 0 min', '3 h 20 min']);
  assert.equal(adapterName({ vendor: '', architecture: '', device: '', description: '', software: false }), 'unnamed adapter');
  assert.equal(adapterName({ vendor: 'nvidia', architecture: 'ampere', device: 'a10', description: '', software: false }), 'nvidia ampere a10');
  assert.equal(adapterName({ vendor: 'nvidia', architecture: '', device: '', description: 'NVIDIA A10', software: false }), 'NVIDIA A10');
});
