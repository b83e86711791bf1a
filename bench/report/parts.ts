/** Pieces of HTML that the sections of the benchmark's report share. */
import { escape } from '../../src/report/markup.js';
import type { BenchResult, Row } from '../harness/schema.js';

/** A table of texts; `head` names its columns. */
export function table(head: readonly string[], rows: readonly (readonly string[])[], kind = ''): string {
  const cells = (tag: 'td' | 'th', row: readonly string[]): string => `<tr>${row.map((cell) => `<${tag}>${escape(cell)}</${tag}>`).join('')}</tr>`;
  return `<div class="scroll"><table class="${kind}"><thead>${cells('th', head)}</thead><tbody>${rows.map((row) => cells('td', row)).join('')}</tbody></table></div>`;
}

/** A word beside every heading when the adapter is software. */
export function badge({ environment }: Pick<BenchResult, 'environment'>): string {
  return environment.adapter.software ? ' <span class="badge">software adapter</span>' : '';
}

/** A section with its heading; empty when there is no body. `title` and `text` are text, `body` is HTML. */
export function section(result: Pick<BenchResult, 'environment'>, title: string, text: string, body: string): string {
  return body === '' ? '' : `<section><h2>${escape(title)}${badge(result)}</h2><p>${escape(text)}</p>${body}</section>`;
}

/** A card with a heading, which says so when the adapter is software. Its parts are HTML except for the title. */
export function card({ environment }: Pick<BenchResult, 'environment'>, title: string, body: string, captionHtml: string): string {
  const caption = captionHtml === '' ? '' : `<figcaption>${captionHtml}</figcaption>`;
  // Quieter than the badge of the section: there may be dozens of cards in it.
  const mark = environment.adapter.software ? ' <span class="tag">software adapter</span>' : '';
  return `<figure class="card"><h3>${escape(title)}${mark}</h3>${body}${caption}</figure>`;
}

/** Groups of rows by the name of the group, in order. */
export function grouped(rows: readonly Row[]): [string, Row[]][] {
  const groups = new Map<string, Row[]>();
  for (const row of rows) groups.set(row.group, [...(groups.get(row.group) ?? []), row]);
  return [...groups];
}
