/** Progress of long work: a bar in a terminal, a plain line now and then elsewhere. */
import { SingleBar } from 'cli-progress';

export interface PhaseOptions {
  /** What is counted, in the plural. */
  readonly unit: string;
  /** How many things of `rateUnit` one count is; the unit itself by default. */
  readonly perCount?: number;
  readonly rateUnit?: string;
}

/** Without a terminal a line is due at each of these shares of the work, but not more often than the interval. */
const LINE_SHARE = 0.05;
const LINE_MIN_SECONDS = 2;
const LINE_MAX_SECONDS = 15;
const BAR_CELLS = 20;

/** "1:05:09", "2:31" or "0:07". */
export function clock(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const padded = (value: number) => String(value).padStart(2, '0');
  return hours > 0 ? `${hours}:${padded(minutes)}:${padded(rest)}` : `${minutes}:${padded(rest)}`;
}

interface Phase {
  readonly title: string;
  readonly total: number;
  readonly options: PhaseOptions;
  readonly start: number;
  /** Counts that were done before the phase began. */
  readonly from: number;
  readonly bar: SingleBar | null;
  done: number;
  lineDone: number;
  lineTime: number;
}

export class Progress {
  private phase: Phase | null = null;

  constructor(
    private readonly stream: NodeJS.WriteStream = process.stdout,
    private readonly now: () => number = () => performance.now() / 1000,
  ) {}

  /** A line of its own, above the bar where there is one. */
  say(line: string): void {
    const { phase } = this;
    if (phase?.bar) {
      // cli-progress has no line above a single bar: take it away and let its next update draw it again.
      this.stream.clearLine(0);
      this.stream.cursorTo(0);
    }
    this.stream.write(`${line}\n`);
  }

  /**
   * Begins a phase, ending the one before.
   * @param from how much is already done
   */
  begin(title: string, total: number, options: PhaseOptions, from = 0): void {
    this.end();
    const start = this.now();
    let bar: SingleBar | null = null;
    if (this.stream.isTTY) {
      bar = new SingleBar({
        stream: this.stream,
        hideCursor: true,
        autopadding: false,
        clearOnComplete: false,
        linewrap: false,
        format: (_options, { progress }, payload: { text?: string }) => {
          const filled = Math.round(progress * BAR_CELLS);
          return `${title.padEnd(26)} ${'█'.repeat(filled)}${'░'.repeat(BAR_CELLS - filled)} ${payload.text ?? ''}`;
        },
      });
      bar.start(total, from, { text: '' });
    }
    this.phase = { title, total, options, start, from, bar, done: from, lineDone: from, lineTime: start };
    if (!bar) this.stream.write(`${title}: ${total} ${options.unit}\n`);
  }

  /** @param details stand after the count, for example the loss terms */
  update(done: number, details = ''): void {
    const { phase } = this;
    if (!phase) return;
    phase.done = done;
    if (phase.bar) {
      phase.bar.update(done, { text: this.text(phase, details) });
      return;
    }
    const now = this.now();
    const since = now - phase.lineTime;
    const share = (done - phase.lineDone) / phase.total;
    if ((share >= LINE_SHARE && since >= LINE_MIN_SECONDS) || since >= LINE_MAX_SECONDS || (done === phase.total && phase.lineDone < done)) {
      phase.lineDone = done;
      phase.lineTime = now;
      this.stream.write(`  ${this.text(phase, details)}\n`);
    }
  }

  private text({ total, done, from, start, options }: Phase, details: string): string {
    const seconds = this.now() - start;
    const perSecond = seconds > 0 ? (done - from) / seconds : 0;
    const rate = perSecond * (options.perCount ?? 1);
    return [
      `${done}/${total} ${options.unit} (${Math.floor((100 * done) / Math.max(1, total))} %)`,
      details,
      perSecond > 0 ? `${rate >= 100 ? rate.toFixed(0) : rate.toFixed(1)} ${options.rateUnit ?? options.unit}/s` : '',
      done >= total ? `took ${clock(seconds)}` : perSecond > 0 ? `${clock((total - done) / perSecond)} left` : '',
    ]
      .filter((part) => part !== '')
      .join(' | ');
  }

  /** Ends the phase; a bar stays where it stands. */
  end(): void {
    this.phase?.bar?.stop();
    this.phase = null;
  }
}
