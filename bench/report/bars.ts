/** Horizontal bars as HTML: their names and values stay legible on a narrow screen, where a drawing would shrink. */
import { escape } from '../../src/report/markup.js';

/** One bar. */
export interface Bar {
  readonly name: string;
  /** Small words after the name, such as "rule". */
  readonly tags?: readonly string[];
  readonly value: number;
  /** The value in words, and more behind it. */
  readonly text: string;
  readonly more?: string;
  /** A CSS value. */
  readonly color: string;
}

/** Names of shaders break after their slashes and underscores, not within words. */
const breakable = (name: string): string => escape(name).replace(/[_/]/g, '$&<wbr>');

/**
 * Bars from 0, the first one on top.
 * @param description for screen readers
 */
export function barList(bars: readonly Bar[], description: string): string {
  const largest = Math.max(...bars.map(({ value }) => value));
  const rows = bars.map(({ name, tags = [], value, text, more = '', color }) => {
    const marks = tags.map((tag) => `<span class="tag">${escape(tag)}</span>`).join('');
    const width = largest > 0 ? ((100 * value) / largest).toFixed(2) : '0';
    const behind = more === '' ? '' : ` · ${escape(more)}`;
    return (
      `<div class="row"><span class="name">${breakable(name)}${marks}</span><span class="track"><i style="width:${width}%;background:${color}"></i></span>` +
      `<span class="value"><b>${escape(text)}</b>${behind}</span></div>`
    );
  });
  return `<div class="bars" role="group" aria-label="${escape(description)}">${rows.join('')}</div>`;
}
