/** Some training faces with the attention map of an AU drawn over them. */
import { AU_NAMES, type ActionUnit } from '../../../data/action-units.js';
import { cssValue, h, onColourScheme } from '../../shared/dom.js';
import type { FaceSample } from '../protocol.js';

/** Opacity of the map where it is 1. */
const STRONGEST = 0.72;

/** A face as a canvas of its own size. */
function faceCanvas({ images, imageSize }: FaceSample, face: number): HTMLCanvasElement {
  const canvas = h('canvas', { width: imageSize, height: imageSize });
  const bytes = imageSize * imageSize * 4;
  const pixels = new ImageData(new Uint8ClampedArray(images.slice(face * bytes, (face + 1) * bytes)), imageSize);
  canvas.getContext('2d')?.putImageData(pixels, 0, 0);
  return canvas;
}

/** An attention map as a canvas of its own cells, in one colour, opaque where the map is strong. */
function mapCanvas({ maps, mapSize, actionUnits }: FaceSample, face: number, unit: number): HTMLCanvasElement {
  const canvas = h('canvas', { width: mapSize, height: mapSize });
  const [red, green, blue] = cssValue('--heat').split(' ').map(Number);
  const cells = mapSize * mapSize;
  const start = (face * actionUnits.length + unit) * cells;
  const pixels = new Uint8ClampedArray(cells * 4);
  for (let cell = 0; cell < cells; cell++) pixels.set([red, green, blue, 255 * STRONGEST * maps[start + cell]], cell * 4);
  canvas.getContext('2d')?.putImageData(new ImageData(pixels, mapSize), 0, 0);
  return canvas;
}

/** Shows a sample; replaces what the panel showed before. */
export function showFaces(panel: HTMLElement, sample: FaceSample): void {
  const { actionUnits, present, imageSize } = sample;
  // Drawn larger than stored, so that the map is smooth on sharp screens.
  const size = imageSize * 2;
  const select = h(
    'select',
    { id: 'shown-unit' },
    h('option', { value: '' }, 'No map'),
    ...actionUnits.map((unit) => h('option', { value: unit, selected: unit === 12 }, `AU ${unit} ${AU_NAMES[unit]}`)),
  );
  const tiles = present.map((units, face) => {
    const canvas = h('canvas', { width: size, height: size, role: 'img', 'aria-label': `Training face ${face + 1}` });
    return { canvas, source: faceCanvas(sample, face), item: h('li', {}, canvas, h('span', {}, units.length > 0 ? `AU ${units.join(', ')}` : 'no AU')) };
  });
  const draw = () => {
    const unit = actionUnits.indexOf(Number(select.value) as ActionUnit);
    tiles.forEach(({ canvas, source }, face) => {
      const context = canvas.getContext('2d');
      if (!context) return;
      context.imageSmoothingQuality = 'high';
      context.drawImage(source, 0, 0, size, size);
      if (unit >= 0) context.drawImage(mapCanvas(sample, face, unit), 0, 0, size, size);
    });
  };
  select.addEventListener('change', draw);
  panel.replaceChildren(
    h(
      'div',
      { class: 'heading' },
      h('h2', { id: 'faces-title' }, 'Training faces'),
      h('label', { class: 'field' }, 'Attention map', select),
    ),
    h('ul', { class: 'tiles' }, ...tiles.map(({ item }) => item)),
    h('p', { class: 'hint' }, 'The map shows where the model pools its feature of that action unit. Below each face: the units that it shows, which the training never sees.'),
  );
  panel.hidden = false;
  onColourScheme(draw);
}
