/** Small helpers for pages without a framework. */

/** A child of an element: text is escaped by the DOM; null and false leave nothing. */
export type Child = Node | string | number | null | false;

/**
 * Makes an element.
 * @param attributes as in HTML; true sets a bare attribute, false and undefined leave it out
 */
export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Readonly<Record<string, string | number | boolean | undefined>> = {},
  ...children: readonly Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === true) element.setAttribute(name, '');
    else if (value !== false && value !== undefined) element.setAttribute(name, String(value));
  }
  element.append(...children.filter((child): child is Node | string | number => child !== null && child !== false).map((child) => (child instanceof Node ? child : String(child))));
  return element;
}

/**
 * The element of the page with this id.
 * @throws {Error} when the page lacks it or it is of another kind: page and script do not belong together
 */
export function byId<T extends HTMLElement>(id: string, type: new () => T): T {
  const element = document.getElementById(id);
  if (!(element instanceof type)) throw new Error(`the page has no ${type.name} #${id}`);
  return element;
}

/** The value of a CSS custom property on the page, for what CSS cannot reach. */
export function cssValue(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

/** Calls `body` now and whenever the person switches between light and dark. */
export function onColourScheme(body: () => void): void {
  body();
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', body);
}
