/**
 * What a run tells on its way, and the result that is put together from it. A run that ends early (a closed browser, a
 * lost device, Ctrl-C) leaves a result too: what was measured, and what was not.
 */
import { addCounts, NO_CANARIES, type CanaryBand, type CanaryCount } from './sampler.js';
import { FORMAT_VERSION, type BenchResult, type Comparison, type PeerFacts, type Row, type Series, type TrainingFigures } from './schema.js';
import { fitPowerLaw } from '../../src/timing/statistics.js';

/** Begins the reason for a group that a run that ended early did not come to. */
export const NOT_MEASURED = 'not measured: ';
/** Follows it when Ctrl-C ended the run. */
export const INTERRUPTED = 'the run was interrupted';
/** Begins the reason for a group in which the device was lost. */
export const DEVICE_FAILED = 'the device failed: ';

/** Known before the first group. */
export interface RunHead extends Pick<BenchResult, 'suite' | 'filter' | 'tuned' | 'environment' | 'timer' | 'rules' | 'peaks'> {
  /** The canary's band and the samples that it follows from. */
  readonly canary: CanaryBand & { readonly calibration: readonly number[]; readonly repeats?: number; readonly wall?: CanaryBand };
}

/** What a run tells, in the order in which it happens. Plain data: it can be sent from a Worker, or as JSON. */
export type RunEvent =
  | { readonly kind: 'begin'; readonly head: RunHead; readonly groups: readonly string[] }
  | {
      readonly kind: 'group';
      readonly name: string;
      readonly rows: readonly Row[];
      readonly comparisons: readonly Comparison[];
      readonly canaries: CanaryCount;
    }
  | { readonly kind: 'training'; readonly figures: TrainingFigures }
  /**
   * The canary's band was found anew, because it cost this group a figure, which is measured again; or because the
   * device before this group was lost, and another one opened.
   */
  | ({ readonly kind: 'band'; readonly group: string; readonly newDevice?: true; readonly wall?: boolean } & CanaryBand)
  /** Before the first group, in suites that measure other libraries too. */
  | { readonly kind: 'peers'; readonly peers: readonly PeerFacts[] }
  /** Something is left out; the same `what` may come twice, and counts once. */
  | { readonly kind: 'skipped'; readonly what: string; readonly why: string }
  /** A line for the person who waits. */
  | { readonly kind: 'say'; readonly line: string };

/** The fits of all series that have two points or more. */
export function fitsOf(rows: readonly Row[]): Series[] {
  const names = [...new Set(rows.flatMap(({ series }) => (series ? [series.name] : [])))];
  return names.flatMap((name) => {
    const points = rows.filter(({ series, summary }) => series?.name === name && summary !== null);
    const clock = points.every(({ summary }) => summary?.gpu) ? 'gpu' : 'wall';
    const values = points.map(({ series, summary }): [number, number] => [series?.value ?? 0, (clock === 'gpu' ? summary?.gpu?.median : summary?.wall.median) ?? 0]);
    const fit = fitPowerLaw(values);
    return fit === null ? [] : [{ name, variable: points[0].series?.variable ?? '', clock, points: values, ...fit } as const];
  });
}

/** Listens to a run. */
export class ResultCollector {
  private begun: Extract<RunEvent, { kind: 'begin' }> | null = null;
  private readonly rows: Row[] = [];
  private readonly comparisons: Comparison[] = [];
  private canaries = NO_CANARIES;
  private readonly bands: BenchResult['canary']['renewed'] = [];
  private readonly training = new Map<string, TrainingFigures>();
  private readonly skipped = new Map<string, string>();
  private readonly finished = new Set<string>();
  private peers: readonly PeerFacts[] = [];

  /** Takes in the next event. */
  add(event: RunEvent): void {
    if (event.kind === 'begin') this.begun = event;
    else if (event.kind === 'peers') this.peers = event.peers;
    else if (event.kind === 'band') {
      const { kind: _, ...band } = event;
      this.bands.push(band);
    }
    else if (event.kind === 'skipped') this.skipped.set(event.what, event.why);
    // A step whose group was measured again, on a new device, keeps its first figures.
    else if (event.kind === 'training' && !this.training.has(event.figures.row)) this.training.set(event.figures.row, event.figures);
    else if (event.kind === 'group') {
      this.rows.push(...event.rows);
      this.comparisons.push(...event.comparisons);
      this.canaries = addCounts(this.canaries, event.canaries);
      this.finished.add(event.name);
    }
  }

  /** Groups that were measured, of how many. */
  get progress(): { readonly done: number; readonly of: number } {
    return { done: this.finished.size, of: this.begun?.groups.length ?? 0 };
  }

  /**
   * The result as far as the run has come; null before its timers, peaks and canary are known.
   * @param seconds of the whole run
   * @param cutShort why it ended early, in words: groups that are missing are listed with it
   */
  result(seconds: number, cutShort: string | null = null): BenchResult | null {
    if (!this.begun) return null;
    const { head, groups } = this.begun;
    const missing = cutShort === null ? [] : groups.filter((name) => !this.finished.has(name) && !this.skipped.has(name));
    const skipped = [...this.skipped, ...missing.map((name) => [name, `${NOT_MEASURED}${cutShort}`] as const)];
    const { canary, suite, filter, tuned, environment, timer, rules, peaks } = head;
    return {
      format: 'zygo-bench',
      version: FORMAT_VERSION,
      suite,
      filter,
      tuned,
      environment,
      timer,
      rules,
      peaks,
      canary: {
        ...canary,
        calibration: [...canary.calibration],
        renewed: [...this.bands],
        ...this.canaries,
      },
      rows: [...this.rows],
      comparisons: [...this.comparisons],
      peers: [...this.peers],
      series: fitsOf(this.rows),
      training: [...this.training.values()],
      skipped: skipped.map(([what, why]) => ({ what, why })),
      seconds,
    };
  }
}
