/** A transport plan as a drawing: one square per pair of AU regions, the darker the more mass. */
import { AU_NAMES } from '../data/action-units.js';
import { escape } from './markup.js';
import type { TransportPlan } from './types.js';

const CELL = 36;
const MARGIN = 54;
/** From this share of the largest mass on, a number is written in the colour of the page. */
const DARK = 0.55;

/**
 * Inline SVG with CSS variables of the page. Cells hold their share of the whole mass in per cent (not written
 * below 0.1), and a tooltip with both AUs. Mass that is not finite is drawn as none.
 */
export function planHeatmap({ title, actionUnits, values }: TransportPlan): string {
  const count = actionUnits.length;
  const clean = Array.from(values, (value) => (Number.isFinite(value) && value > 0 ? value : 0));
  const largest = Math.max(...clean, Number.MIN_VALUE);
  const total = clean.reduce((sum, value) => sum + value, 0) || 1;
  const size = MARGIN + count * CELL + 2;
  const parts: string[] = [];
  actionUnits.forEach((au, i) => {
    const middle = MARGIN + (i + 0.5) * CELL;
    parts.push(`<text class="axis" x="${middle}" y="${MARGIN - 8}" text-anchor="middle">${au}</text>`);
    parts.push(`<text class="axis" x="${MARGIN - 8}" y="${middle + 4}" text-anchor="end">${au}</text>`);
  });
  const half = MARGIN + (count * CELL) / 2;
  parts.push(`<text class="axis" x="${half}" y="14" text-anchor="middle">AU in the second view</text>`);
  parts.push(`<text class="axis" transform="translate(14 ${half}) rotate(-90)" text-anchor="middle">AU in the first view</text>`);
  clean.forEach((value, index) => {
    const row = Math.floor(index / count);
    const column = index % count;
    const share = value / largest;
    const text = ((100 * value) / total).toFixed(1);
    const x = MARGIN + column * CELL;
    const y = MARGIN + row * CELL;
    const pair = `AU ${actionUnits[row]} (${AU_NAMES[actionUnits[row]]}) to AU ${actionUnits[column]} (${AU_NAMES[actionUnits[column]]}): ${text} %`;
    parts.push(
      `<g><title>${escape(pair)}</title>` +
        `<rect class="cell" x="${x}" y="${y}" width="${CELL}" height="${CELL}"/>` +
        `<rect x="${x + 0.75}" y="${y + 0.75}" width="${CELL - 1.5}" height="${CELL - 1.5}" rx="2" fill="var(--heat)" fill-opacity="${share.toFixed(3)}"/>` +
        (Number(text) >= 0.1
          ? `<text x="${x + CELL / 2}" y="${y + CELL / 2 + 3.5}" text-anchor="middle" class="${share > DARK ? 'on-heat' : 'value'}">${text}</text>`
          : '') +
        '</g>',
    );
  });
  return `<svg class="heatmap" viewBox="0 0 ${size} ${size}" style="max-width:${size}px" role="img" aria-label="${escape(title)}">${parts.join('')}</svg>`;
}
