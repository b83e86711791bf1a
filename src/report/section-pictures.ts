/** What can be seen: faces with attention maps, the action units one by one, transport plans. */
import { planHeatmap } from './heatmap.js';
import { VIRIDIS_GRADIENT, mapUri, tileUri } from './images.js';
import { escape, figure } from './markup.js';
import type { FaceTile, ReportInput } from './types.js';

function tileHtml(tile: FaceTile): string {
  const overlay = tile.map ? `<img class="overlay" src="${mapUri(tile.map)}" alt="">` : '';
  return (
    `<figure class="tile"><div class="stack" style="--ratio:${tile.width}/${tile.height}">` +
    `<img src="${tileUri(tile)}" alt="${escape(tile.caption)}">${overlay}</div>` +
    `<figcaption>${escape(tile.caption)}</figcaption></figure>`
  );
}

function sheet({ tiles, columns }: { readonly tiles: readonly FaceTile[]; readonly columns?: number }): string {
  const style = columns ? `class="sheet" style="--columns:${columns}"` : 'class="sheet free"';
  return `<div ${style}>${tiles.map(tileHtml).join('')}</div>`;
}

/** Faces with the attention map of an AU over each. */
export function contactSection(contactSheet: NonNullable<ReportInput['contactSheet']>): string {
  const scale = `<p class="scale">weak <i style="background:${VIRIDIS_GRADIENT}"></i> strong</p>`;
  return (
    '<section><h2>Where the model looks</h2><p>Each action unit has its own attention map, drawn from the landmarks; it ' +
    'decides which part of the features the unit is read from.</p>' +
    figure(
      'Faces with attention maps',
      scale + sheet(contactSheet),
      'Colour and opacity grow with the attention, relative to the strongest point of each map. Point at a face to see it ' +
        'without its map.',
    ) +
    '</section>'
  );
}

/** The neutral face and each AU alone. */
export function auSection(auSheet: NonNullable<ReportInput['auSheet']>): string {
  return (
    '<section><h2>The faces</h2><p>One person, so that nothing but the action unit differs between two pictures.</p>' +
    figure(
      'Neutral, and each action unit alone at full intensity',
      sheet(auSheet),
      'What the labels mean: a network can only learn what can be seen here. In training the units come in combinations ' +
        'and at any intensity, on many people, in changing pose and light.',
    ) +
    '</section>'
  );
}

/** Transport plans as heat maps. */
export function planSection(plans: NonNullable<ReportInput['transportPlans']>): string {
  const figures = plans.map((plan) =>
    figure(
      plan.title,
      planHeatmap(plan),
      'Share of the whole mass in per cent. Mass on the diagonal matches a region with itself in the other view; mass beside ' +
        'it says that two action units are treated as related.',
    ),
  );
  return (
    '<section><h2>Relations between action units</h2><p>The relation loss moves mass from the regions of one view to those of ' +
    `the other, as cheaply as the features allow.</p><div class="plans">${figures.join('')}</div></section>`
  );
}
