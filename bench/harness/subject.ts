/** What the suites hand to the harness. */
import type { CapturedStep, Engine } from '../../src/engine/index.js';
import type { Expected } from '../../src/verify/index.js';
import type { DeviceTimer, Quanta } from '../../src/timing/device-timer.js';
import type { Replay } from '../../src/timing/replay.js';
import type { Row } from './schema.js';

/** How a row is called. */
export type RowName = Pick<Row, 'section' | 'op' | 'shape' | 'model' | 'pass' | 'implementation' | 'variant'> & { readonly series?: Row['series'] };

/** What the harness takes of a captured step: several that make up one give it too. */
export interface TimedStep extends Pick<CapturedStep<unknown>, 'name' | 'commands' | 'submissions' | 'dispatches' | 'flops' | 'run' | 'encode' | 'destroy'> {
  readonly plan: Pick<CapturedStep<unknown>['plan'], 'peakBytes' | 'lowerBoundBytes'>;
  /** Compiles what is not compiled yet and allocates the memory. */
  prepare(): Promise<unknown>;
}

/** A step that can be timed, and what its outputs must be after its first run. */
export interface Prepared {
  readonly step: TimedStep;
  /** Outputs of the first run and what they are compared with. */
  check(): Promise<CheckedOutput[]>;
  /** What the results are compared with, in words. */
  readonly against: string;
}

/** One output and its reference. */
export interface CheckedOutput {
  readonly output: string;
  readonly actual: ArrayLike<number>;
  readonly expected: Expected;
}

/** One row to be: made inside a scope that the harness ends. */
export interface Subject {
  readonly name: RowName;
  /** Uploads the inputs and captures the step; does not prepare it. */
  capture(engine: Engine): Prepared | Promise<Prepared>;
  /** Looks closer at a step that was timed, before it is given back. `row` is the id of its row, `quanta` are the steps of the timers. */
  inspect?(timer: DeviceTimer, quanta: Quanta, step: TimedStep, replay: Replay, row: string): Promise<void>;
}

/** Subjects that are sampled in turns. */
export interface Group {
  readonly name: string;
  readonly subjects: readonly Subject[];
  /** Ratios that the report shows: places in `subjects`, time(above) / time(below). */
  readonly ratios?: readonly (readonly [above: number, below: number])[];
}

/** The name that rows of two files are matched by. */
export function rowId({ section, op, shape, pass, implementation, variant, series }: RowName): string {
  return [section, op, shape, pass, implementation, variant, ...(series ? [series.name] : [])].join(' | ');
}
