/** Small pieces of HTML that the sections of the report share. */

/** Text as HTML text or attribute value. */
export function escape(text: string): string {
  const entities: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };
  return text.replace(/[&<>"']/g, (character) => entities[character]);
}

/** Shape of a mark in a chart, told apart without colour. */
export type Mark = 'bar' | 'line' | 'dash' | 'circle' | 'diamond' | 'triangle';

const GLYPHS: Record<Mark, string> = {
  bar: '<rect x="1" y="2" width="12" height="10" rx="1.5"/>',
  line: '<rect x="0" y="6" width="14" height="2.4" rx="1"/>',
  dash: '<rect x="0" y="5.5" width="14" height="3"/>',
  circle: '<circle cx="7" cy="7" r="4.5"/>',
  diamond: '<path d="M7 1.5 12.5 7 7 12.5 1.5 7Z"/>',
  triangle: '<path d="M7 1.5 13 12H1Z"/>',
};

/** A legend as HTML, which wraps where an SVG would not. `color` is a CSS value. */
export function legend(items: readonly { mark: Mark; color: string; text: string }[]): string {
  const entries = items.map(
    ({ mark, color, text }) =>
      `<li><svg viewBox="0 0 14 14" width="14" height="14" style="fill:${color}" aria-hidden="true">${GLYPHS[mark]}</svg>${escape(text)}</li>`,
  );
  return `<ul class="legend">${entries.join('')}</ul>`;
}

/** A figure with its heading above and its explanation below; `body` and `legendHtml` are HTML, the others text. */
export function figure(title: string, body: string, caption: string, legendHtml = ''): string {
  return `<figure class="card"><h3>${escape(title)}</h3>${legendHtml}${body}<figcaption>${escape(caption)}</figcaption></figure>`;
}
