/** The pictures of a run's report: faces with attention maps, each AU alone, transport plans. */
import type { ActionUnit } from '../data/action-units.js';
import { AU_NAMES } from '../data/action-units.js';
import { LABEL_PRESENT, type FaceDataset } from '../data/dataset.js';
import { renderContactSheet } from '../data/faces/contact-sheet.js';
import type { Engine } from '../engine/index.js';
import { identityGeometry } from '../kernels/augment/index.js';
import { auMaps } from '../kernels/regions/index.js';
import { uploadDataset } from '../model/device-dataset.js';
import type { Preset } from '../model/presets.js';
import type { SelfSupervisedTrainer } from '../model/trainer.js';
import type { FaceTile, TransportPlan } from '../report/types.js';
import { selectFaces } from './select-faces.js';
import { faceAssets } from './synthetic.js';

/** Cells of a drawn attention map: fine enough to look smooth over a face. */
const MAP_CELLS = 64;
/** Width of the pictures of each AU alone, in pixels. */
const AU_TILE = 128;

/** For each AU one face, another person each time where there are enough, and one that shows the AU where there is one. */
export function facesToShow({ actionUnits, labels, identities, count }: FaceDataset): number[] {
  const used = new Set<number>();
  return actionUnits.map((_, column) => {
    const all = Array.from({ length: count }, (_face, face) => face);
    const showing = all.filter((face) => labels[face * actionUnits.length + column] === LABEL_PRESENT);
    const unused = (faces: number[]) => faces.find((face) => !used.has(identities[face]));
    const face = unused(showing) ?? showing[0] ?? unused(all) ?? 0;
    used.add(identities[face]);
    return face;
  });
}

/** One held-out face for each AU, with the attention map that guides that AU's feature, as the model gets it. */
export async function attentionTiles(engine: Engine, preset: Preset, test: FaceDataset): Promise<FaceTile[]> {
  const { actionUnits, imageSize } = test;
  const shown = selectFaces(test, facesToShow(test), 'shown');
  const maps = await engine.scope(async () => {
    const data = uploadDataset(engine, shown, { ...preset.regions, actionUnits });
    const { geometry } = identityGeometry(engine, { batch: shown.count, views: 1, sizeIn: imageSize, sizeOut: imageSize });
    const indices = engine.tensor(Uint32Array.from({ length: shown.count }, (_, index) => index), [shown.count]);
    const { kind, radius } = preset.regions;
    return engine.read(
      auMaps(engine, data.centres, indices, geometry, { height: MAP_CELLS, width: MAP_CELLS, sizeOut: imageSize, sourceSize: imageSize, kind, radius }),
    );
  });
  const cells = MAP_CELLS * MAP_CELLS;
  const pixels = imageSize * imageSize * 4;
  return actionUnits.map((au, index) => {
    const start = (index * actionUnits.length + index) * cells;
    return {
      width: imageSize,
      height: imageSize,
      rgba: shown.images.slice(index * pixels, (index + 1) * pixels),
      map: { width: MAP_CELLS, height: MAP_CELLS, values: Float32Array.from(maps.subarray(start, start + cells)) },
      caption: `AU ${au} ${AU_NAMES[au]}`,
    };
  });
}

/** One synthetic person at rest and with each AU alone at full intensity. */
export async function actionUnitTiles(engine: Engine, identity: number): Promise<FaceTile[]> {
  const { imageSize, tiles } = await renderContactSheet({ device: engine.device, ...(await faceAssets()), imageSize: AU_TILE, identity });
  return tiles.map(({ title, rgba }) => ({ width: imageSize, height: imageSize, rgba, caption: title }));
}

/** Mean over the problems of a step: values [problems, K, K] to [K, K]. */
function meanPlan(values: Float32Array, cells: number): Float32Array {
  const mean = new Float32Array(cells);
  values.forEach((value, index) => {
    mean[index % cells] += (value * cells) / values.length;
  });
  return mean;
}

/** The last step's mean transport plan and the learned prior; none when the relation loss is off or no step was done. */
export async function transportFigures(trainer: SelfSupervisedTrainer, actionUnits: readonly ActionUnit[]): Promise<TransportPlan[]> {
  const plans = await trainer.transportPlans();
  if (!plans) return [];
  const prior = (await trainer.engine.read(trainer.model.prior)) as Float32Array;
  return [
    { title: `Transport plan of step ${trainer.step}, mean over the batch`, actionUnits, values: meanPlan(plans, actionUnits.length ** 2) },
    { title: 'Relation prior learned over all steps', actionUnits, values: prior },
  ];
}
