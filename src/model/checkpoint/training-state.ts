/** The training state by name, as a checkpoint stores it. */
import { InputError, sizeOf, type Engine, type Tensor } from '../../engine/index.js';
import type { ArenaLayout } from '../parameters.js';
import type { Preset } from '../presets.js';
import type { SslModel } from '../ssl-model.js';
import { decodeSafetensors, encodeSafetensors, type SafetensorsTensor } from './safetensors.js';

/** Named tensors, and what architecture and step they belong to. */
export interface TrainingSnapshot {
  readonly step: number;
  readonly preset: string;
  /** JSON of what fixes the shapes: backbone, heads and regions of the preset. */
  readonly architecture: string;
  readonly tensors: ReadonlyMap<string, SafetensorsTensor>;
}

const FORMAT = 'zygo-training-1';
/** [4], the state of the loss scale; only in checkpoints of mixed precision. */
const LOSS_SCALE_NAME = 'loss-scale';

/** The part of a preset that fixes shapes, as JSON. */
export function architectureOf({ backbone, heads, regions }: Preset): string {
  return JSON.stringify({ backbone, heads, regions: regions.actionUnits });
}

/** The four arenas by the prefix of their tensors' names. */
function arenas(model: SslModel): Record<string, Tensor> {
  return { online: model.online.values, target: model.target.values, 'adamw.m': model.firstMoment, 'adamw.v': model.secondMoment };
}

/** Small tensors by name; the loss scale only of a model that trains with one. */
function smallTensors({ prior, lossScale }: SslModel): Record<string, Tensor> {
  return { 'relation.prior': prior, ...(lossScale ? { [LOSS_SCALE_NAME]: lossScale.state } : {}) };
}

function addArena(tensors: Map<string, SafetensorsTensor>, layout: ArenaLayout, prefix: string, values: Float32Array<ArrayBuffer>): void {
  for (const { name, shape } of layout.specs) {
    const offset = layout.offsets.get(name) as number;
    tensors.set(`${prefix}.${name}`, { dtype: 'F32', shape, data: values.slice(offset, offset + sizeOf(shape)) });
  }
}

/** Reads the whole training state from the device. */
export async function snapshotTraining(engine: Engine, model: SslModel, step: number): Promise<TrainingSnapshot> {
  const tensors = new Map<string, SafetensorsTensor>();
  for (const [prefix, arena] of Object.entries(arenas(model))) {
    addArena(tensors, model.layout, prefix, Float32Array.from(await engine.read(arena)));
  }
  for (const [name, tensor] of Object.entries(smallTensors(model))) {
    tensors.set(name, { dtype: 'F32', shape: tensor.shape, data: Float32Array.from(await engine.read(tensor)) });
  }
  return { step, preset: model.preset.name, architecture: architectureOf(model.preset), tensors };
}

/**
 * Writes a snapshot into a model of the same architecture.
 * @returns the snapshot's step
 * @throws {InputError} when the architectures differ or a tensor is missing or has another shape; nothing is changed then
 */
export function restoreTraining(engine: Engine, model: SslModel, snapshot: TrainingSnapshot): number {
  const expected = architectureOf(model.preset);
  if (snapshot.architecture !== expected) {
    throw new InputError(
      `The checkpoint is of another architecture (preset ${snapshot.preset}: ${snapshot.architecture}); this run has preset ${model.preset.name}: ${expected}.`,
    );
  }
  const take = (name: string, shape: readonly number[]): ArrayLike<number> => {
    const tensor = snapshot.tensors.get(name);
    if (!tensor) throw new InputError(`The checkpoint has no tensor ${name}.`);
    if (tensor.dtype !== 'F32' || tensor.shape.join() !== shape.join()) {
      throw new InputError(`The checkpoint's tensor ${name} is ${tensor.dtype} [${tensor.shape.join(', ')}]; expected F32 [${shape.join(', ')}].`);
    }
    return tensor.data;
  };
  const writes: [Tensor, Float32Array<ArrayBuffer>][] = Object.entries(arenas(model)).map(([prefix, arena]) => {
    const values = new Float32Array(model.layout.size);
    for (const { name, shape } of model.layout.specs) values.set(take(`${prefix}.${name}`, shape), model.layout.offsets.get(name) as number);
    return [arena, values];
  });
  for (const [name, tensor] of Object.entries(smallTensors(model))) {
    // A run in f32 goes on in mixed precision with the first loss scale.
    if (name === LOSS_SCALE_NAME && !snapshot.tensors.has(name)) continue;
    writes.push([tensor, Float32Array.from(take(name, tensor.shape))]);
  }
  for (const [tensor, values] of writes) engine.write(tensor, values);
  return snapshot.step;
}

/** The bytes of a checkpoint file. */
export function encodeSnapshot({ step, preset, architecture, tensors }: TrainingSnapshot): Uint8Array<ArrayBuffer> {
  const metadata = new Map(Object.entries({ format: FORMAT, step: String(step), preset, architecture }));
  return encodeSafetensors({ metadata, tensors });
}

/**
 * Reads a checkpoint file.
 * @throws {InputError} naming the file when it is cut off, damaged, or no Zygo checkpoint
 */
export function decodeSnapshot(bytes: Uint8Array, fileName: string): TrainingSnapshot {
  const { metadata, tensors } = decodeSafetensors(bytes, fileName);
  const [format, step, preset, architecture] = ['format', 'step', 'preset', 'architecture'].map((key) => metadata.get(key));
  if (format !== FORMAT || !/^\d+$/.test(step ?? '') || !preset || !architecture) {
    throw new InputError(`${fileName} is no Zygo training checkpoint: expected metadata format "${FORMAT}", given ${JSON.stringify(format ?? null)}.`);
  }
  return { step: Number(step), preset, architecture, tensors };
}
