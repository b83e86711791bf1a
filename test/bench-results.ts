/** Results with made-up numbers, for tests of what reads them. */
import type { BenchResult, Row } from '../bench/harness/schema.js';
import { summarize } from '../src/timing/statistics.js';

/** Samples around a time, the same on every run. */
export const around = (time: number, spread = 0.01): number[] => Array.from({ length: 15 }, (_, at) => time * (1 + (spread * (at - 7)) / 7));

/** A timed row, with everything that `given` does not say. */
export function row(id: string, given: Partial<Row> & { readonly time?: number; readonly spread?: number } = {}): Row {
  const { time = 1e-3, spread, ...rest } = given;
  const gpu = around(time, spread);
  const wall = gpu.map((value) => 1.5 * value);
  return {
    id,
    section: 'kernels',
    group: `group of ${id}`,
    op: id,
    shape: '[4, 4]',
    model: 'tiny',
    pass: 'forward',
    implementation: 'zygo',
    variant: 'rules',
    choices: [],
    status: 'timed',
    note: '',
    check: { error: 1e-6, tolerance: 2e-5, output: 'y', against: 'float64' },
    dispatches: 1,
    flops: 1e6,
    bytes: 1e5,
    peakBytes: 1024,
    lowerBoundBytes: 512,
    compile: { seconds: 0.01, pipelines: 1, of: 1 },
    firstRun: 2e-3,
    resolution: null,
    hot: { wall, gpu, repeats: 10, discarded: 0, short: 0, stop: 'settled', canaries: [1, 1] },
    cold: { flushBytes: 2 ** 20, repeats: 1, gpu: around(2 * time) },
    summary: { wall: summarize(wall), gpu: summarize(gpu), cold: summarize(around(2 * time)) },
    series: null,
    ...rest,
  };
}

/** Of a row without a time. */
export const UNTIMED = { hot: null, cold: null, summary: null } as const;

/** A result of a software adapter with these rows. */
export function result(rows: Row[], given: Partial<BenchResult> = {}): BenchResult {
  const peak = (value: number) => ({ value, how: 'a kernel', samples: [1], tried: [{ how: 'a kernel', value }] });
  return {
    format: 'zygo-bench',
    version: 1,
    suite: 'quick',
    filter: null,
    tuned: null,
    environment: {
      zygo: '0.0.0',
      commit: null,
      date: '2026-01-01T00:00:00.000Z',
      system: 'a system',
      runtime: 'Node v0',
      dawn: '0',
      adapter: { vendor: 'v', architecture: 'a', device: 'd', description: 'An <adapter>', software: true },
      features: [],
      limits: { maxBufferSize: 1 },
      subgroupSize: null,
      flags: ['a flag'],
    },
    timer: { clock: 1e-7, roundTrip: 1e-4, wallQuantum: 1e-4, gpuQuantum: 1e-6, quantaPerSample: 100 },
    rules: { minimum: 8, maximum: 60, precision: 0.01, seconds: 1, runLimit: 2 },
    peaks: { copy: peak(1e9), fma: peak(1e10) },
    canary: { baseline: 1e-3, tolerance: 0.1, calibration: [1e-3], renewed: [], outOfBand: 1, of: 10, discarded: 2 },
    rows,
    comparisons: [],
    peers: [],
    series: [],
    training: [],
    skipped: [{ what: 'a large kernel', why: 'it would take a year' }],
    seconds: 12,
    ...given,
  };
}
