/** Progress of long work: a bar in a terminal, a plain line now and then elsewhere. */
import { MultiBar, type SingleBar } from 'cli-progress';

/** How a phase of {@link Progress} names what it counts, and its speed. */
export interface PhaseOptions {
  /** What is counted, in the plural. */
  readonly unit: string;
  /** How many things of `rateUnit` one count is; 1 by default. */
  readonly perCount?: number;
  /** What the speed counts, in the plural; `unit` by default. */
  readonly rateUnit?: string;
}

/** Without a terminal a line is due at each of these shares of the work, but not more often than the interval. */
const LINE_SHARE = 0.05;
const LINE_MIN_SECONDS = 2;
const LINE_MAX_SECONDS = 15;
const BAR_CELLS = 12;

/** "1:05:09", "2:31" or "0:07". */
export function clock(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const padded = (value: number) => String(value).padStart(2, '0');
  return hours > 0 ? `${hours}:${padded(minutes)}:${padded(rest)}` : `${minutes}:${padded(rest)}`;
}

interface Phase {
  readonly total: number;
  readonly options: PhaseOptions;
  readonly start: number;
  /** Counts that were done before the phase began. */
  readonly from: number;
  readonly rows: TerminalRows | null;
  lineDone: number;
  lineTime: number;
}

/** A bar and, below it once there are any, details, redrawn in place. */
class TerminalRows {
  private readonly rows: MultiBar;
  private readonly bar: SingleBar;
  private details: SingleBar | null = null;

  constructor(
    stream: NodeJS.WriteStream,
    title: string,
    private readonly total: number,
    from: number,
  ) {
    this.rows = new MultiBar({
      stream,
      hideCursor: true,
      linewrap: false,
      // Ctrl-C is the command's own business (interrupt.ts).
      gracefulExit: false,
      format: (_options, { progress }, { text }: { text: string }) => {
        const filled = Math.round(progress * BAR_CELLS);
        return `${title} ${'█'.repeat(filled)}${'░'.repeat(BAR_CELLS - filled)} ${text}`;
      },
    });
    this.bar = this.rows.create(total, from, { text: '' });
  }

  update(done: number, text: string, details: string): void {
    this.bar.update(done, { text });
    if (details === '') return;
    this.details ??= this.rows.create(this.total, done, { text: details }, { format: '  {text}' });
    this.details.update(done, { text: details });
  }

  say(line: string): void {
    this.rows.log(`${line}\n`);
    this.rows.update();
  }

  stop(): void {
    this.rows.stop();
  }
}

/**
 * Shows how far a command is, one phase at a time: count, speed and time left. In a terminal a bar is redrawn in place;
 * elsewhere a line follows after 5 % of the work, but not within 2 seconds, and after 15 seconds in any case. Nothing is
 * shown between two phases.
 */
export class Progress {
  private phase: Phase | null = null;

  /**
   * @param stream standard output by default; a bar where it is a terminal, lines where it is not
   * @param now seconds on a clock that never goes back; tests give their own
   */
  constructor(
    private readonly stream: NodeJS.WriteStream = process.stdout,
    private readonly now: () => number = () => performance.now() / 1000,
  ) {}

  /** A line of its own, above the bar where there is one. */
  say(line: string): void {
    if (this.phase?.rows) this.phase.rows.say(line);
    else this.stream.write(`${line}\n`);
  }

  /**
   * Begins a phase, ending the one before.
   * @param from how much is already done
   */
  begin(title: string, total: number, options: PhaseOptions, from = 0): void {
    this.end();
    const start = this.now();
    const rows = this.stream.isTTY ? new TerminalRows(this.stream, title, total, from) : null;
    this.phase = { total, options, start, from, rows, lineDone: from, lineTime: start };
    if (!rows) this.stream.write(`${title}: ${total} ${options.unit}\n`);
  }

  /** @param details stand in a row of their own, or at the end of the line: the loss terms, for example */
  update(done: number, details = ''): void {
    const { phase } = this;
    if (!phase) return;
    const text = this.text(phase, done);
    if (phase.rows) {
      phase.rows.update(done, text, details);
      return;
    }
    const now = this.now();
    const since = now - phase.lineTime;
    const share = (done - phase.lineDone) / phase.total;
    if ((share >= LINE_SHARE && since >= LINE_MIN_SECONDS) || since >= LINE_MAX_SECONDS || (done === phase.total && phase.lineDone < done)) {
      phase.lineDone = done;
      phase.lineTime = now;
      this.stream.write(`  ${text}${details === '' ? '' : ` | ${details}`}\n`);
    }
  }

  private text({ total, from, start, options }: Phase, done: number): string {
    const seconds = this.now() - start;
    const perSecond = seconds > 0 ? (done - from) / seconds : 0;
    const rate = perSecond * (options.perCount ?? 1);
    return [
      `${done}/${total} ${options.unit} (${Math.floor((100 * done) / Math.max(1, total))} %)`,
      perSecond > 0 ? `${rate >= 100 ? rate.toFixed(0) : rate.toFixed(1)} ${options.rateUnit ?? options.unit}/s` : '',
      done >= total ? `took ${clock(seconds)}` : perSecond > 0 ? `${clock((total - done) / perSecond)} left` : '',
    ]
      .filter((part) => part !== '')
      .join(' | ');
  }

  /** Ends the phase; a bar stays where it stands. */
  end(): void {
    this.phase?.rows?.stop();
    this.phase = null;
  }
}
