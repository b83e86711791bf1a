/** What the run is busy with, how far it is, and how fast. */
import { byId } from '../../shared/dom.js';
import { formatCount, formatDuration, formatRate } from '../../shared/format.js';
import { formatBytes } from '../../../engine/buffers.js';
import type { StepCosts } from '../../../model/trainer.js';
import type { TimedMetrics } from '../protocol.js';
import type { TrainSettings } from '../settings.js';

/** Steps that the shown speed is averaged over. */
const RECENT = 20;

const PAGE_TITLE = document.title;

/**
 * The line that says what goes on, its progress bar (in the tab's title too) and the facts about speed, size and memory.
 * Made once per page, whose elements it takes by id; cleared for each run.
 */
export class StatusPanel {
  private readonly status = byId('status', HTMLParagraphElement);
  private readonly bar = byId('progress', HTMLProgressElement);
  private recent: { step: number; seconds: number }[] = [];

  private fact(name: string, text: string): void {
    byId(`fact-${name}`, HTMLElement).textContent = text;
  }

  /** Empties everything for a new run. */
  clear({ steps }: TrainSettings): void {
    this.recent = [];
    for (const name of ['rate', 'left', 'model', 'memory']) this.fact(name, '–');
    this.fact('step', `0 of ${formatCount(steps)}`);
  }

  /**
   * Says what is going on.
   * @param progress 0 to 1; null where nobody knows
   */
  say(text: string, progress: number | null = 0): void {
    if (this.status.textContent !== text) this.status.textContent = text;
    if (progress === null) this.bar.removeAttribute('value');
    else this.bar.value = progress;
    document.title = progress !== null && progress > 0 && progress < 1 ? `${Math.floor(100 * progress)} % · ${PAGE_TITLE}` : PAGE_TITLE;
  }

  /** Measures the speed anew: the step that was in flight while the training waited came at no time at all. */
  restartClock(): void {
    this.recent = [];
  }

  /** Shows the model's size and the bytes that a step's memory plan allocates. */
  showCosts({ parameters, peakBytes }: StepCosts): void {
    this.fact('model', `${formatCount(parameters)} parameters`);
    this.fact('memory', `${formatBytes(peakBytes)} per step`);
  }

  /** Shows a step that is done, with faces per second over the last 20 steps and the time left at that speed. */
  showStep({ step, seconds }: TimedMetrics, { steps, batch }: TrainSettings): void {
    this.recent.push({ step, seconds });
    if (this.recent.length > RECENT) this.recent.shift();
    const [first] = this.recent;
    this.fact('step', `${formatCount(step)} of ${formatCount(steps)}`);
    // A rate needs two steps: what came before the first one was no training.
    if (step === first.step || seconds <= first.seconds) return;
    const perStep = (seconds - first.seconds) / (step - first.step);
    this.fact('rate', formatRate(batch / perStep));
    this.fact('left', formatDuration((steps - step) * perStep));
  }

  /** Nothing is left to wait for. */
  settle(): void {
    this.fact('left', '–');
  }
}
