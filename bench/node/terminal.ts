/** A run on the terminal: the head, then every group's rows as they come in. */
import { softwareMark } from '../figures.js';
import type { RunEvent } from '../harness/result.js';
import { bandText, headLines, rowLines } from '../table.js';

/** What `headLines` shows of a run that has just begun. */
type Head = Parameters<typeof headLines>[0];

/**
 * Turns the events of one run into lines. Made per run, without a stream of its own; it keeps the peaks that rows are
 * compared with.
 */
export class Terminal {
  private peaks: Head['peaks'] = { copy: null, fma: null };
  /** Beside the name of every group. */
  private mark = '';
  private groups = 0;
  private done = 0;

  /**
   * @param print writes a line of the results
   * @param say writes a line beside them
   */
  constructor(
    private readonly print: (line: string) => void,
    private readonly say: (line: string) => void,
  ) {}

  /** Shows the next event. */
  hear(event: RunEvent): void {
    if (event.kind === 'say') this.say(event.line);
    else if (event.kind === 'band') this.say(bandText(event));
    else if (event.kind === 'begin') {
      const { head, groups } = event;
      this.peaks = head.peaks;
      this.mark = softwareMark(head);
      this.groups = groups.length;
      for (const line of headLines({ ...head, canary: { ...head.canary, calibration: [...head.canary.calibration], renewed: [], outOfBand: 0, of: 0, discarded: 0 } })) this.print(line);
      if (head.environment.adapter.software) this.print('This is a SOFTWARE adapter: no figure below says anything about a GPU.');
      const { tuned } = head;
      if (tuned) this.print(`Rows named "tuned" use ${tuned.choices} choices of ${tuned.date.slice(0, 10)} from ${tuned.place}, where they differ from the rules.`);
      this.print(`${groups.length} groups of rows`);
    } else if (event.kind === 'group') {
      this.done += 1;
      this.print('');
      this.print(`${this.done}/${this.groups} ${event.name}${this.mark}`);
      for (const line of rowLines(event.rows, { peaks: this.peaks })) this.print(line);
    }
  }
}
