/** Which kernels are fastest on this GPU: what is stored, and the buttons that measure it or take it away. */
import type { TuningSummary } from '../../../tuning/summary.js';
import { byId, h } from '../../shared/dom.js';
import { formatCount } from '../../shared/format.js';

/** Gains that are named one by one. */
const SHOWN = 5;

/**
 * The text and buttons of kernel tuning. It measures nothing itself: its buttons call the page, which tells it what came of
 * it. Made once per page, whose elements it takes by id.
 */
export class TuningPanel {
  private readonly text = byId('tuning-text', HTMLParagraphElement);
  private readonly list = byId('tuning-gains', HTMLUListElement);
  private readonly tuneButton = byId('tune', HTMLButtonElement);
  private readonly clearButton = byId('tune-clear', HTMLButtonElement);
  private stored: TuningSummary | null = null;
  private measuring = false;

  /** @param orders what the buttons do; `tune` and `cancel` share one */
  constructor(orders: { readonly tune: () => void; readonly cancel: () => void; readonly clear: () => void }) {
    this.tuneButton.addEventListener('click', () => (this.measuring ? orders.cancel() : orders.tune()));
    this.clearButton.addEventListener('click', () => orders.clear());
  }

  /** What is stored for this adapter; null for nothing. */
  show(summary: TuningSummary | null): void {
    this.stored = summary;
    this.list.replaceChildren();
    this.clearButton.hidden = summary === null;
    if (!summary) {
      this.text.textContent = 'Not measured on this GPU: rules choose the kernels. Tuning takes some minutes, once.';
      return;
    }
    const { choices, gains, date } = summary;
    const day = new Date(date).toLocaleDateString(undefined, { dateStyle: 'medium' });
    this.text.textContent =
      `${formatCount(choices)} choices measured on ${day}: ` +
      (gains.length === 0 ? 'the rules were the fastest in all of them.' : `${formatCount(gains.length)} beat the rules. Trainings on this page use them.`);
    for (const { family, problem, winner, gain } of gains.slice(0, SHOWN)) {
      const faster = gain === null ? 'the rule’s kernel fails here' : `${gain.toFixed(2)}× as fast as the rule`;
      this.list.append(h('li', { title: problem }, h('b', {}, `${family}: ${winner}`), ` ${faster}`));
    }
    if (gains.length > SHOWN) this.list.append(h('li', {}, `and ${formatCount(gains.length - SHOWN)} more`));
  }

  /** How far a measurement is. */
  progress(done: number, total: number): void {
    this.text.textContent = `Measuring kernels: ${formatCount(done)} of ${formatCount(total)} choices. Leave this tab in front.`;
  }

  /**
   * @param ready whether a measurement may begin
   * @param measuring whether one goes on
   */
  set(ready: boolean, measuring: boolean): void {
    if (this.measuring && !measuring) this.show(this.stored);
    this.measuring = measuring;
    this.tuneButton.disabled = !ready && !measuring;
    this.tuneButton.textContent = measuring ? 'Cancel' : this.stored ? 'Tune the rest' : 'Tune';
    this.clearButton.disabled = !ready || measuring;
  }
}
