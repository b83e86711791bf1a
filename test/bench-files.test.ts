/** Result files: the schema there and back, comparisons of constructed files, the report, and what bad files are told. */
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { spawnSync } from 'node:child_process';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { breakdownOf, toldBreakdown } from '../bench/breakdown.js';
import { compareResults, comparedLines, isRegression, verdictOf } from '../bench/compare.js';
import { ResultCollector } from '../bench/harness/result.js';
import { parseResult, resultSchema, type BenchResult, type Row, type TrainingFigures } from '../bench/harness/schema.js';
import { summarize } from '../src/timing/statistics.js';
import { renderBenchReport } from '../bench/report/page.js';
import { barOf, raceVerdicts } from '../bench/peers/bars.js';
import { Terminal } from '../bench/node/terminal.js';
import { endLines, headLines, rowLines } from '../bench/table.js';
import type { Command } from '../src/engine/commands.js';
import { InputError } from '../src/engine/errors.js';
import { ratesOf } from '../bench/figures.js';
import { around, result, row, UNTIMED } from './bench-results.js';

test('a result comes back from its file as it was', () => {
  const original = result([row('one'), row('two', { status: 'wrong', note: 'y is wrong', check: { error: null, tolerance: 1, output: 'y', against: 'float64' }, ...UNTIMED })]);
  assert.deepEqual(parseResult(JSON.stringify(original), 'file'), original);
});

test('files that are none are named, with the place that is wrong', () => {
  const refused = (text: string, sentence: RegExp): void => assert.throws(() => parseResult(text, 'x.json'), (error: Error) => error instanceof InputError && sentence.test(error.message));
  refused('{', /^x\.json is no JSON/);
  refused('null', /is no benchmark result/);
  refused('{"format":"other"}', /is no benchmark result/);
  refused('{"format":"zygo-bench","version":99}', /format version 99: expected 1/);
  refused(JSON.stringify({ ...result([]), timer: { clock: -1 } }), /cannot be read at timer\.clock/);
  refused(JSON.stringify({ ...result([]), rows: [{ ...row('one'), status: 'fine' }] }), /cannot be read at rows\.0\.status/);
});

test('verdicts follow from the whole interval', () => {
  assert.equal(verdictOf({ ratio: 1.2, low: 1.1, high: 1.3 }, 0.05), 'slower');
  assert.equal(verdictOf({ ratio: 0.8, low: 0.75, high: 0.85 }, 0.05), 'faster');
  assert.equal(verdictOf({ ratio: 1, low: 0.98, high: 1.02 }, 0.05), 'same');
  assert.equal(verdictOf({ ratio: 1.06, low: 1.02, high: 1.1 }, 0.05), 'ambiguous');
  assert.equal(verdictOf({ ratio: 1.06, low: 1.02, high: 1.1 }, 0.01), 'slower');
});

test('rows of two files are faster, slower, the same, ambiguous, broken or repaired', () => {
  const a = result([row('faster'), row('slower'), row('same'), row('noisy'), row('broken'), row('repaired', { status: 'wrong', ...UNTIMED }), row('gone')]);
  const b = result(
    [
      row('faster', { time: 0.5e-3 }),
      row('slower', { time: 1.3e-3 }),
      row('same', { time: 1.001e-3 }),
      row('noisy', { time: 1.05e-3, spread: 0.6 }),
      row('broken', { status: 'wrong', note: 'y is wrong', ...UNTIMED }),
      row('repaired'),
      row('new'),
    ],
    { environment: { ...a.environment, dawn: '1' } },
  );
  const compared = compareResults(a, b, 0.05);
  assert.deepEqual(Object.fromEntries(compared.rows.map(({ id, verdict }) => [id, verdict])), {
    faster: 'faster',
    slower: 'slower',
    same: 'same',
    noisy: 'ambiguous',
    broken: 'broken',
    repaired: 'repaired',
  });
  assert.deepEqual(compared.rows.filter(isRegression).map(({ id }) => id), ['slower', 'broken']);
  assert.deepEqual([compared.onlyA, compared.onlyB], [['gone'], ['new']]);
  assert.ok(compared.remarks.some((line) => line.includes('Dawn version differs')) && compared.remarks.some((line) => line.includes('software adapter')));
  const text = comparedLines(compared, 0.05).join('\n');
  assert.match(text, /1 faster, 1 slower, 1 same, 1 ambiguous, 1 broken, 1 repaired/);
});

test('three samples of each side are no regression, four may be', () => {
  const few = (id: string, wall: number[]): Row => row(id, { hot: { wall, gpu: null, repeats: 1, discarded: 0, short: 0, stop: 'timeout', canaries: [1] }, summary: { wall: summarize(wall), gpu: null, cold: null } });
  const a = result([few('three', [1, 1, 1]), few('four', [1, 1, 1, 1])]);
  const b = result([few('three', [2, 2, 2]), few('four', [2, 2, 2, 2])]);
  assert.deepEqual(compareResults(a, b, 0.05).rows.map(({ verdict }) => verdict), ['ambiguous', 'slower']);
  assert.match(comparedLines(compareResults(a, b, 0.05), 0.05).join('\n'), /2\.00x +too few samples/);
});

test('what only the device did is ambiguous: rows beside a slower canary', () => {
  const canary = { ...result([]).canary, repeats: 10 };
  const beside = (id: string, time: number, song: number): Row => {
    const made = row(id, { time });
    return { ...made, hot: made.hot && { ...made.hot, canaries: [song, song] } };
  };
  const a = result([beside('device', 1e-3, 1e-3), beside('code', 1e-3, 1e-3), beside('hidden', 1e-3, 1e-3)], { canary });
  const b = result([beside('device', 1.3e-3, 1.3e-3), beside('code', 2e-3, 1.3e-3), beside('hidden', 1e-3, 1.3e-3)], { canary });
  const { rows } = compareResults(a, b, 0.05);
  assert.deepEqual(rows.map(({ id, verdict }) => [id, verdict]), [['device', 'ambiguous'], ['code', 'slower'], ['hidden', 'ambiguous']]);
  assert.match(rows[0].note, /canary took 1\.30x as long/);
  assert.ok(!rows.filter(isRegression).some(({ id }) => id === 'device'));
});

test('a noisy run says so in the terminal and in the report', () => {
  const quiet = result([row('one')]);
  assert.doesNotMatch(endLines(quiet).join('\n'), /Warning/);
  const noisy = { ...quiet, canary: { ...quiet.canary, tolerance: 0.5, outOfBand: 5 } };
  assert.match(endLines(noisy).join('\n'), /Warning: noisy device: the canary's band is ± 50\.0 % wide/);
  assert.match(endLines(noisy).join('\n'), /out of its band in 50\.0 % of its runs/);
  assert.match(renderBenchReport(noisy), /noisy device/);
});

test('rows whose group was lost with the device or the run are broken; those that were left out or interrupted are not', () => {
  const names = ['kept', 'lost', 'crashed', 'interrupted', 'slow', 'filtered', 'untimed'] as const;
  const a = result(names.map((name) => row(name, name === 'untimed' ? { status: 'few', ...UNTIMED } : {})));
  const why: Partial<Record<(typeof names)[number], string>> = {
    lost: 'the device failed: The GPU device was lost',
    untimed: 'the device failed: The GPU device was lost',
    crashed: 'not measured: Chrome was closed',
    interrupted: 'not measured: the run was interrupted',
    slow: 'one run would take more than 2 s',
  };
  const b = result([row('kept')], { skipped: Object.entries(why).map(([name, reason]) => ({ what: `group of ${name}`, why: reason })) });
  const compared = compareResults(a, b, 0.05);
  assert.deepEqual(compared.rows.map(({ id, verdict }) => [id, verdict]), [['kept', 'same'], ['lost', 'broken'], ['crashed', 'broken'], ['untimed', 'untimed']]);
  assert.deepEqual(compared.rows.filter(isRegression).map(({ id, note }) => [id, note]), [['lost', why.lost], ['crashed', why.crashed]]);
  assert.deepEqual(compared.onlyA, ['interrupted', 'slow', 'filtered']);
  assert.ok(compared.remarks.includes('B was interrupted: 1 of its groups were not measured.'));
});

test('a device that ran at another speed is remarked on, by the time of one launch of the canary', () => {
  const at = (baseline: number, repeats?: number): BenchResult => {
    const whole = result([row('one')]);
    return { ...whole, canary: { ...whole.canary, baseline, ...(repeats ? { repeats } : {}) } };
  };
  const remarks = (a: BenchResult, b: BenchResult): number => compareResults(a, b, 0.05).remarks.filter((line) => line.includes('speed')).length;
  assert.deepEqual(
    [remarks(at(2e-3, 2), at(4e-3, 4)), remarks(at(1e-3, 1), at(1.05e-3, 1)), remarks(at(1e-3, 1), at(1.2e-3, 1)), remarks(at(1e-3), at(9e-3))],
    [0, 0, 1, 0],
  );
  assert.ok(compareResults(at(2e-3, 2), at(2e-3, 1), 0.05).remarks.includes('The device ran at another speed: the canary took 1.00 ms in A, 2.00 ms in B.'));
});

test('a comparison of Node with Chrome names what differs first', () => {
  const inNode = result([row('one')]);
  const inChrome = result([row('one')], {
    environment: { ...inNode.environment, runtime: 'Chrome 1.2.3.4 (installed, headless)', dawn: null, flags: ['--enable-unsafe-webgpu'] },
  });
  const [runtime, dawn, flags] = comparedLines(compareResults(inNode, inChrome, 0.05), 0.05);
  assert.equal(runtime, 'The runtime differs: Node v0 in A, Chrome 1.2.3.4 (installed, headless) in B.');
  assert.equal(dawn, "The Dawn version differs: 0 in A, the browser's own in B.");
  assert.equal(flags, 'The list of flags differs: a flag in A, --enable-unsafe-webgpu in B.');
});

test('a run that ends early lists what is missing, and has no result before its head is known', () => {
  const collector = new ResultCollector();
  assert.equal(collector.result(1, 'closed'), null);
  const { suite, filter, environment, timer, rules, peaks, canary } = result([]);
  collector.add({ kind: 'skipped', what: 'a huge kernel', why: 'too slow' });
  collector.add({ kind: 'begin', head: { suite, filter, tuned: null, environment, timer, rules, peaks, canary }, groups: ['first', 'second', 'third'] });
  collector.add({ kind: 'group', name: 'first', rows: [row('one')], comparisons: [], canaries: { of: 3, outOfBand: 1, discarded: 0 } });
  collector.add({ kind: 'skipped', what: 'second', why: 'the device failed' });
  const early = collector.result(3, 'closed');
  assert.ok(resultSchema.safeParse(early).success);
  assert.deepEqual(early?.skipped, [
    { what: 'a huge kernel', why: 'too slow' },
    { what: 'second', why: 'the device failed' },
    { what: 'third', why: 'not measured: closed' },
  ]);
  assert.deepEqual([early?.canary.outOfBand, early?.canary.of, early?.rows.length], [1, 3, 1]);
});

/** One of everything that the report can show. */
function everything(): BenchResult {
  const series = [1, 2, 4].map((value) => row(`point ${value}`, { section: 'series', time: value * 1e-3, series: { name: 'a series', variable: 'n', value } }));
  const rows = [
    row('kernel'),
    row('naive', { section: 'ladder', group: 'a ladder', variant: 'matmul=naive', time: 4e-3 }),
    row('tile', { section: 'ladder', group: 'a ladder', variant: 'matmul=tile' }),
    row('fused', { section: 'comparison', group: 'a rival' }),
    row('separate', { section: 'comparison', group: 'a rival', implementation: 'zygo, separate kernels', time: 3e-3 }),
    row('wrong one', { status: 'wrong', note: 'y is wrong, so there is no time', ...UNTIMED }),
    row('step', { section: 'training' }),
    ...series,
  ];
  return result(rows, {
    comparisons: [{ group: 'a rival', above: 'separate', below: 'fused', clock: 'gpu', ratio: 3, low: 2.9, high: 3.1 }],
    series: [{ name: 'a series', variable: 'n', clock: 'gpu', points: [[1, 1e-3], [2, 2e-3], [4, 4e-3]], exponent: 1, factor: 1e-3, standardError: 0.01 }],
    training: [
      {
        row: 'step',
        preset: 'tiny',
        options: '',
        batch: 8,
        imageSize: 64,
        regions: 12,
        parameters: 1000,
        dispatches: 10,
        commands: 11,
        peakBytes: 2 ** 20,
        lowerBoundBytes: 2 ** 19,
        encodePerDispatch: [2e-6],
        breakdown: [{ shader: 'matmul/matmul_tile', launches: 4, seconds: 1e-3, flops: 1, bytes: 1 }],
      },
    ],
  });
}

test('the report shows every part, says software everywhere, and needs no network', () => {
  const html = renderBenchReport(everything());
  // Names may break after their slashes.
  const text = html.replaceAll('<wbr>', '');
  for (const part of ['Roofline', 'a ladder', 'a rival', 'a series', 'time ~ n^1.00', 'Training step of tiny', 'matmul/matmul_tile', 'it would take a year', 'y is wrong', 'An &lt;adapter&gt;']) {
    assert.ok(text.includes(part), `the report must hold ${part}`);
  }
  const headings = html.match(/<h2>/g)?.length ?? 0;
  assert.equal(html.match(/<h2>[^<]*<span class="badge">software adapter<\/span>/g)?.length, headings, 'each heading must carry the label');
  const cards = html.match(/<h3>.*?<\/h3>/g) ?? [];
  assert.ok(cards.length > 3 && cards.every((title) => title.includes('software adapter')), 'and each card');
  const links = html.replaceAll('http://www.w3.org/', '').match(/https?:\/\/|<script|<link/g);
  assert.equal(links, null);
  assert.equal(renderBenchReport(everything()), html, 'the same result must give the same text');
});

test('a first run and a compilation that are too short for the timer are no figures', () => {
  const timed = row('one', { firstRun: 0.004, compile: { seconds: 0.003, pipelines: 1, of: 1 }, resolution: 0.005 });
  const long = row('two', { firstRun: 0.02, compile: { seconds: 0.03, pipelines: 1, of: 1 }, resolution: 0.005 });
  // Without a resolution of its own, a row has that of the file's timer: 100 times 0.1 ms.
  const old = row('three', { firstRun: 0.0123, compile: { seconds: 0.0078, pipelines: 1, of: 1 } });
  const html = renderBenchReport(result([timed, long, old]));
  const cellsOf = (op: string): string[] => (new RegExp(`<tr><td>tiny: ${op} .*?</tr>`).exec(html)?.[0] ?? '').split('</td><td>').slice(7, 9);
  assert.deepEqual(cellsOf('one'), ['&lt; 5.00 ms', '&lt; 5.00 ms']);
  assert.deepEqual(cellsOf('two'), ['20.0 ms', '30.0 ms']);
  assert.deepEqual(cellsOf('three'), ['12.3 ms', '&lt; 10.0 ms']);
});

test('files from before short samples and resolutions were told are read', () => {
  const { resolution: _, hot, ...old } = row('one');
  const { short: __, ...samples } = hot as NonNullable<Row['hot']>;
  const [read] = parseResult(JSON.stringify({ ...result([]), rows: [{ ...old, hot: samples }] }), 'old.json').rows;
  assert.deepEqual([read.resolution, read.hot?.short], [null, 0]);
  assert.equal(compareResults(result([read]), result([row('one')]), 0.05).rows[0].verdict, 'same');
});

/** A step of these launches, profiled with timestamps that step by 1 µs. */
function stepOf(breakdown: TrainingFigures['breakdown']): BenchResult {
  const [given] = everything().training;
  return { ...everything(), training: [{ ...given, gpuQuantum: 1e-6, breakdown }] };
}

test('a kernel of a step is told where rounding is at most 1 % of its time; the others get a bound together', () => {
  const part = (shader: string, launches: number, seconds: number) => ({ shader, launches, seconds, flops: 0, bytes: 0 });
  // 100 steps for each launch: 4 launches need 400 µs.
  const given = stepOf([part('long', 4, 8e-3), part('just', 4, 4e-4), part('close', 4, 3.9e-4), part('tiny', 2, 8e-6)]);
  const told = toldBreakdown(given.training[0], given.timer);
  assert.deepEqual(told?.told.map(({ shader }) => shader), ['long', 'just']);
  assert.deepEqual(told?.short?.shaders, [{ shader: 'close', launches: 4 }, { shader: 'tiny', launches: 2 }]);
  const whole = 8.798e-3;
  assert.ok(Math.abs((told?.short?.atMost ?? 0) - (3.98e-4 + 6e-6) / whole) < 1e-9, 'six readings of 1 µs each may be missing');
  const [terminal, html] = [endLines(given).join('\n'), renderBenchReport(given)];
  for (const text of [terminal, html]) assert.ok(text.includes('2 kernels (6 launches) too short for the timestamps: together at most 4.59 %'));
  assert.match(terminal, /90\.9 % +8\.00 ms +4 x long/);
  assert.doesNotMatch(terminal, /x close|x tiny/);
});

test('a file that does not tell the step of its breakdown has that of its timer', () => {
  const { gpuQuantum: _, ...old } = stepOf([{ shader: 'a', launches: 1, seconds: 5e-5, flops: 0, bytes: 0 }]).training[0];
  assert.equal(toldBreakdown(old, { ...result([]).timer, gpuQuantum: 1e-6 })?.told.length, 0);
  assert.equal(toldBreakdown(old, { ...result([]).timer, gpuQuantum: 1e-7 })?.told.length, 1);
});

test('without timestamps the launches of a step are still counted and shown', () => {
  const command = (shader: string): Command => ({ kind: 'dispatch', call: { shader, flops: 3, bytes: 2 } }) as Command;
  const commands = [command('once'), command('twice'), command('twice')];
  const counted = breakdownOf(commands, []);
  assert.deepEqual(counted, [
    { shader: 'twice', launches: 2, seconds: null, flops: 6, bytes: 4 },
    { shader: 'once', launches: 1, seconds: null, flops: 3, bytes: 2 },
  ]);
  assert.deepEqual(breakdownOf(commands, [[5, 1, 1], [6, 2, 1], [9, 2, 1]]).map(({ shader, seconds }) => [shader, seconds]), [['once', 6], ['twice', 3]]);
  const given = parseResult(JSON.stringify(stepOf(counted)), 'file');
  assert.match(endLines(given).join('\n'), /no timestamps.*\n +2 x twice\n +1 x once/);
  assert.match(renderBenchReport(given), /no timestamps.*<td>twice<\/td><td>2<\/td>/);
  for (const old of [stepOf(null), given]) assert.equal(compareResults(old, given, 0.05).rows.length, given.rows.length);
  assert.match(renderBenchReport(stepOf(null)), /no timestamps/);
});

test('every table of the terminal says software, and none of a GPU does', () => {
  const printed = (software: boolean): string[] => {
    const lines: string[] = [];
    const { suite, filter, tuned, environment, timer, rules, peaks, canary, rows } = everything();
    const terminal = new Terminal((line) => lines.push(line), () => {});
    const head = { suite, filter, tuned, timer, rules, peaks, canary, environment: { ...environment, adapter: { ...environment.adapter, software } } };
    terminal.hear({ kind: 'begin', head, groups: ['one'] });
    terminal.hear({ kind: 'group', name: 'one', rows, comparisons: [], canaries: { of: 0, outOfBand: 0, discarded: 0 } });
    return [...lines, ...endLines({ ...everything(), environment: head.environment })];
  };
  const headings = printed(true).filter((line) => /^(1\/1 one|Ratios of times|Growth|Training steps)/.test(line));
  assert.equal(headings.length, 4);
  for (const line of headings) assert.match(line, /software adapter/);
  assert.ok(!printed(false).some((line) => /software/i.test(line)));
});

test('the report of a GPU says nothing about software', () => {
  const given = everything();
  const { adapter } = given.environment;
  const html = renderBenchReport({ ...given, environment: { ...given.environment, adapter: { ...adapter, software: false } } });
  assert.ok(!html.toLowerCase().includes('software adapter'));
});

test('a wrong row has no time in the terminal either', () => {
  const given = everything();
  const [, line] = rowLines([given.rows[5]], given);
  assert.match(line, /^- .*wrong .*wrong one.*y is wrong/);
  assert.match(headLines(given).join('\n'), /SOFTWARE adapter/);
  assert.match(endLines(given).join('\n'), /9 rows timed, 1 without a time.*out of band 1 times in 10.*2 samples/);
});

const MAIN = join(dirname(fileURLToPath(import.meta.url)), '..', 'bench', 'main.js');
let folder = '';

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'zygo-bench-'));
  await writeFile(join(folder, 'a.json'), JSON.stringify(result([row('one')])));
  await writeFile(join(folder, 'slow.json'), JSON.stringify(result([row('one', { time: 2e-3 })])));
  await writeFile(join(folder, 'other.json'), JSON.stringify(result([row('two')])));
  await writeFile(join(folder, 'broken.json'), '{');
});

after(() => rm(folder, { recursive: true, force: true }));

/** Runs the command in the folder. */
function bench(...args: string[]): { status: number | null; stdout: string; stderr: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [MAIN, ...args], { cwd: folder, encoding: 'utf8' });
  return { status, stdout, stderr };
}

test('compare ends with 0, with 1 on a regression, and with 2 for files that cannot be read', () => {
  const same = bench('compare', 'a.json', 'a.json');
  assert.equal(same.status, 0, same.stderr);
  assert.match(same.stdout, /0 faster, 0 slower, 1 same/);
  const slower = bench('compare', 'a.json', 'slow.json');
  assert.equal(slower.status, 1);
  assert.match(slower.stderr, /^1 of 1 rows are slower or broken in slow\.json\.\n$/);
  for (const [files, sentence] of [
    [['a.json', 'broken.json'], /^broken\.json is no JSON/],
    [['missing.json', 'a.json'], /^missing\.json cannot be read \(ENOENT\)/],
    [['a.json', 'other.json'], /have no row in common/],
  ] as const) {
    const { status, stderr } = bench('compare', ...files);
    assert.equal(status, 2, stderr);
    assert.match(stderr, sentence);
  }
});

test('options that cannot be used end with 2 and one sentence, before a device is opened', () => {
  for (const [args, sentence] of [
    [['--suite', 'all'], /^Option --suite is "all": expected one of quick, kernels, training, peers, full\.\n$/],
    [['--seconds', 'long'], /^Option --seconds is "long": expected a number from 0\.01\.\n$/],
    [['--flush-mib', '-1'], /^Option --flush-mib is "-1": expected a whole number from 0 to 4096\.\n$/],
    [['--json', join('nowhere', 'x.json')], /cannot be written: there is no folder nowhere\.\n$/],
    [['--chrome-switch=--enable-x'], /^--chrome-switch is for Chrome: expected --chrome beside it\.\n$/],
    [['--chrome', '--subgroup-matrix'], /^--subgroup-matrix is for Node, .*: expected it without --chrome\.\n$/],
    [['--chrome', '--tuned'], /^--tuned reads what zygo tune stored for Node, .*: expected it without --chrome\.\n$/],
    [['--chrome', '--chrome-switch', 'developer'], /^Option --chrome-switch is "developer": expected a switch such as /],
    [['--sweet', 'quick'], /^Unknown option '--sweet'.*expected what "npm run bench -- --help" lists\.\n$/],
    [['compare', 'a.json'], /^Missing required argument 'B'/],
  ] as const) {
    const { status, stdout, stderr } = bench(...args);
    assert.equal(status, 2, `${args.join(' ')}: ${stderr}`);
    assert.equal(stdout, '');
    assert.match(stderr, sentence);
  }
});

test('the schema refuses nothing that a run can write', () => {
  assert.ok(resultSchema.safeParse(everything()).success);
});

/** Samples by the wall clock alone, as races have them. */
function racer(implementation: string, time: number, given: Partial<Row> = {}): Row {
  const wall = around(time);
  return row(`race of ${implementation}`, { section: 'peers', group: 'Peers: a race', op: 'sinkhorn', implementation, hot: { wall, gpu: null, repeats: 1, discarded: 0, short: 0, stop: 'settled', canaries: [1] }, cold: null, summary: { wall: summarize(wall), gpu: null, cold: null }, ...given });
}

/** A race with libraries that took so many times as long as Zygo. */
function race(ratios: Readonly<Record<string, number>>, given: Partial<Row> = {}): BenchResult {
  const rows = [racer('zygo', 1e-3, given), ...Object.entries(ratios).map(([name, ratio]) => racer(name, ratio * 1e-3, given)), racer('mute', 1, { ...given, status: 'failed', note: 'it has no such op', hot: null, summary: null })];
  const comparisons = Object.entries(ratios).map(([name, ratio]) => ({ group: 'Peers: a race', above: `race of ${name}`, below: 'race of zygo', clock: 'wall' as const, ratio, low: 0.95 * ratio, high: 1.05 * ratio }));
  return result(rows, {
    comparisons,
    peers: [
      { name: 'quick', version: '1.0', note: 'as its manual says' },
      { name: 'absent', version: null, note: 'it could not be loaded: no such module' },
    ],
  });
}

test('a race is judged by the fastest other library and the whole interval', () => {
  const verdict = (ratios: Readonly<Record<string, number>>, given: Partial<Row> = {}): string => raceVerdicts(race(ratios, given))[0].verdict;
  assert.equal(verdict({ quick: 3, slow: 9 }), 'met');
  assert.equal(verdict({ slow: 9, quick: 1.5 }), 'missed');
  assert.equal(verdict({ quick: 2.05 }), 'unclear');
  assert.equal(verdict({ quick: 1.2 }, { op: 'matmul' }), 'met');
  assert.equal(verdict({ quick: 0.5 }, { op: 'softmax' }), 'no bar');
  assert.equal(verdict({}), 'no peer');
});

test('of several forms of one library the fastest is judged, whatever their order, and all are shown', () => {
  const forms = race({ 'quick, log domain': 9, 'quick, scaling form': 1.5, 'slow, scaling form': 4 });
  const [{ best, comparison, verdict, others }] = raceVerdicts(forms);
  assert.deepEqual([best?.implementation, comparison?.ratio, verdict], ['quick, scaling form', 1.5, 'missed']);
  assert.deepEqual(others.map(({ row: { implementation } }) => implementation), ['quick, scaling form', 'slow, scaling form', 'quick, log domain', 'mute']);
  const [text, html] = [endLines(forms).join('\n'), renderBenchReport(forms)];
  for (const shown of [text, html]) assert.ok(shown.includes('quick, scaling form 1.50x (judged); slow, scaling form 4.00x; quick, log domain 9.00x; mute: failed'));
  assert.match(html, /quick, scaling form<span class="tag">judged<\/span>/);
});

test('the bar of matrix products is higher on a GPU', () => {
  assert.deepEqual([barOf('matmul', true), barOf('matmul', false), barOf('windowAttention', false)], [1, 1.3, 2]);
});

test('terminal and report show races, what was lost, who could not do it, and who is missing', () => {
  const lost = race({ quick: 0.5, slow: 9 });
  const parsed = parseResult(JSON.stringify(lost), 'x.json');
  const [text, html] = [endLines(parsed).join('\n'), renderBenchReport(parsed)];
  for (const part of ['quick 1.0: as its manual says', 'absent', 'it could not be loaded: no such module', 'missed', '0.500x']) {
    assert.ok(text.includes(part), `the terminal must show ${part}`);
    assert.ok(html.includes(part), `the report must show ${part}`);
  }
  assert.ok(html.includes('it has no such op'), 'the report must show why a library has no time');
});

test('files from before there were other libraries are read', () => {
  const { peers: _, ...old } = result([row('one')]);
  assert.deepEqual(parseResult(JSON.stringify(old), 'old.json').peers, []);
});

test('another library that became slower is no regression', () => {
  const compared = compareResults(race({ quick: 2 }), race({ quick: 4 }), 0.05);
  assert.equal(compared.rows.find(({ id }) => id === 'race of quick')?.verdict, 'slower');
  assert.deepEqual(compared.rows.filter(isRegression), []);
});

test('arithmetic is a share of the f32 peak, uncut, and of none where products run in subgroup matrices', () => {
  const peaks = result([]).peaks;
  const shareOf = (given: Parameters<typeof row>[1]) => ratesOf(row('product', { flops: 3e7, time: 1e-3, ...given }), peaks).ofFma;
  assert.equal(shareOf({}), 3);
  assert.equal(shareOf({ op: 'matmul f16', variant: 'matmul-f16=block' }), 3);
  assert.equal(shareOf({ op: 'matmul f16', variant: 'matmul-f16=matrix' }), null);
  assert.equal(shareOf({ op: 'linear f16', choices: [{ family: 'matmul-f16', problem: 'm4', variant: 'matrix', rule: 'matrix' }] }), null, 'also where the rules chose them');
  assert.equal(ratesOf(row('product', { variant: 'matmul-f16=matrix' }), peaks).flopsPerSecond, 1e9, 'the rate itself is told');
});
