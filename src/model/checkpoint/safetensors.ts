/**
 * Reads and writes safetensors files (https://github.com/huggingface/safetensors, "Format"): 8 bytes with the
 * length of the header (little-endian), the header as JSON, then the bytes of all tensors without gaps.
 * There is no maintained npm package for it, and strictness is the point: a checkpoint is either whole or refused.
 * Typed arrays are taken as little-endian, as on every platform with WebGPU.
 */
import { InputError } from '../../engine/errors.js';

const ARRAYS = { F32: Float32Array, I32: Int32Array, U32: Uint32Array, U8: Uint8Array } as const;

/** The dtypes that are read and written; a file with any other is refused. */
export type SafetensorsDtype = keyof typeof ARRAYS;

/** One tensor: row-major `data` with exactly product(shape) elements (one for the empty shape, a scalar). */
export type SafetensorsTensor = {
  [D in SafetensorsDtype]: {
    readonly dtype: D;
    readonly shape: readonly number[];
    readonly data: InstanceType<(typeof ARRAYS)[D]>;
  };
}[SafetensorsDtype];

/** What a file holds: tensors by name and free text by name. */
export interface SafetensorsFile {
  readonly tensors: ReadonlyMap<string, SafetensorsTensor>;
  readonly metadata: ReadonlyMap<string, string>;
}

const METADATA = '__metadata__';
const LENGTH_BYTES = 8;
/** The reference implementation refuses longer headers (safetensors, MAX_HEADER_SIZE). */
const MAX_HEADER_BYTES = 100_000_000;

function elements(shape: readonly number[]): number {
  return shape.reduce((product, extent) => product * extent, 1);
}

/**
 * The bytes of a safetensors file. Tensors lie in the order of element size (large first), then as given,
 * which keeps each aligned to its element size.
 * @throws {InputError} when a tensor's data does not fit its shape, or is named `__metadata__`
 */
export function encodeSafetensors(file: SafetensorsFile): Uint8Array<ArrayBuffer> {
  const ordered = [...file.tensors].sort(([, a], [, b]) => b.data.BYTES_PER_ELEMENT - a.data.BYTES_PER_ELEMENT);
  const entries: string[] = [];
  if (file.metadata.size > 0) {
    const pairs = [...file.metadata].map(([key, text]) => `${JSON.stringify(key)}:${JSON.stringify(text)}`);
    entries.push(`"${METADATA}":{${pairs.join(',')}}`);
  }
  let end = 0;
  for (const [name, { dtype, shape, data }] of ordered) {
    if (name === METADATA) throw new InputError(`A tensor cannot be named ${METADATA}: safetensors keeps that name.`);
    if (elements(shape) !== data.length) {
      throw new InputError(
        `Tensor ${name} has shape [${shape.join(', ')}], ${elements(shape)} elements, but its data has ${data.length}.`,
      );
    }
    const value = JSON.stringify({ dtype, shape, data_offsets: [end, end + data.byteLength] });
    entries.push(`${JSON.stringify(name)}:${value}`);
    end += data.byteLength;
  }
  const json = new TextEncoder().encode(`{${entries.join(',')}}`);
  // Padding with spaces, as the format allows, starts the data at a multiple of 8 bytes.
  const headerLength = Math.ceil(json.length / 8) * 8;
  const bytes = new Uint8Array(LENGTH_BYTES + headerLength + end);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(headerLength), true);
  bytes.fill(0x20, LENGTH_BYTES, LENGTH_BYTES + headerLength);
  bytes.set(json, LENGTH_BYTES);
  let offset = LENGTH_BYTES + headerLength;
  for (const [, { data }] of ordered) {
    bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), offset);
    offset += data.byteLength;
  }
  return bytes;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isCountList(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((item) => Number.isSafeInteger(item) && item >= 0);
}

/** The header's JSON and where the tensor bytes begin. */
function readHeader(bytes: Uint8Array, fileName: string): { header: Record<string, unknown>; dataStart: number } {
  if (bytes.length < LENGTH_BYTES) {
    throw new InputError(
      `${fileName} is not a safetensors file, or is cut off: it has ${bytes.length} bytes, expected at least ${LENGTH_BYTES}.`,
    );
  }
  const declared = new DataView(bytes.buffer, bytes.byteOffset, LENGTH_BYTES).getBigUint64(0, true);
  if (declared > BigInt(MAX_HEADER_BYTES)) {
    throw new InputError(
      `${fileName} is not a safetensors file: its header would be ${declared} bytes long, expected at most ${MAX_HEADER_BYTES}.`,
    );
  }
  const dataStart = LENGTH_BYTES + Number(declared);
  if (dataStart > bytes.length) {
    throw new InputError(
      `${fileName} is cut off: its header ends at byte ${dataStart}, but the file has only ${bytes.length} bytes.`,
    );
  }
  let header: unknown;
  try {
    header = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes.subarray(LENGTH_BYTES, dataStart)));
  } catch (cause) {
    throw new InputError(`${fileName} is damaged: its header is not valid JSON (${(cause as Error).message}).`, { cause });
  }
  if (!isRecord(header)) throw new InputError(`${fileName} is damaged: its header is not a JSON object.`);
  return { header, dataStart };
}

function readMetadata(value: unknown, fileName: string): Map<string, string> {
  if (!isRecord(value)) throw new InputError(`${fileName}: ${METADATA} is not an object of texts.`);
  return new Map(
    Object.entries(value).map(([key, text]) => {
      if (typeof text === 'string') return [key, text];
      throw new InputError(`${fileName}: the entry "${key}" of ${METADATA} is ${typeof text}, expected a text.`);
    }),
  );
}

/** Where a tensor's bytes lie, after its header entry. */
function readPlace(entry: unknown, where: string): { entry: Record<string, unknown>; begin: number; end: number } {
  if (!isRecord(entry)) throw new InputError(`${where}: its header entry is not an object.`);
  const { data_offsets: offsets } = entry;
  if (!isCountList(offsets) || offsets.length !== 2) {
    throw new InputError(`${where}: data_offsets ${JSON.stringify(offsets)}, expected two whole numbers, begin and end.`);
  }
  return { entry, begin: offsets[0], end: offsets[1] };
}

/** A tensor's entry in the header, checked in itself: dtype known, shape and offsets agree. */
function readEntry(given: unknown, where: string): { dtype: SafetensorsDtype; shape: number[]; begin: number; end: number } {
  const { entry, begin, end } = readPlace(given, where);
  const { dtype, shape } = entry;
  if (typeof dtype !== 'string' || !Object.hasOwn(ARRAYS, dtype)) {
    throw new InputError(`${where}: dtype ${JSON.stringify(dtype)}, expected one of ${Object.keys(ARRAYS).join(', ')}.`);
  }
  if (!isCountList(shape)) {
    throw new InputError(`${where}: shape ${JSON.stringify(shape)}, expected a list of whole numbers from 0 up.`);
  }
  const wanted = elements(shape) * ARRAYS[dtype as SafetensorsDtype].BYTES_PER_ELEMENT;
  if (end - begin !== wanted) {
    throw new InputError(
      `${where}: data_offsets [${begin}, ${end}] hold ${end - begin} bytes, but ${dtype} of shape [${shape.join(', ')}] takes ${wanted}.`,
    );
  }
  return { dtype: dtype as SafetensorsDtype, shape, begin, end };
}

/**
 * Reads a safetensors file; the tensors are copies, and `bytes` may be changed afterwards.
 * @param fileName for messages only
 * @param wanted tensors that it turns down are left out of the result, whatever their dtype; their place is checked
 * @throws {InputError} naming file and tensor when the file is cut off, its header is damaged, a dtype is not
 *   F32, I32, U32 or U8, a size does not fit, or the tensors overlap, leave gaps or leave bytes unused
 */
export function decodeSafetensors(bytes: Uint8Array, fileName: string, wanted: (name: string) => boolean = () => true): SafetensorsFile {
  const { header, dataStart } = readHeader(bytes, fileName);
  const available = bytes.length - dataStart;
  let metadata = new Map<string, string>();
  const found: { name: string; begin: number; end: number }[] = [];
  const tensors = new Map<string, SafetensorsTensor>();
  for (const [name, value] of Object.entries(header)) {
    if (name === METADATA) {
      metadata = readMetadata(value, fileName);
      continue;
    }
    const where = `${fileName}, tensor ${name}`;
    const taken = wanted(name);
    const { begin, end } = readPlace(value, where);
    const { dtype, shape } = taken ? readEntry(value, where) : { dtype: 'U8' as const, shape: [] };
    if (end > available) {
      throw new InputError(
        `${where}: it ends at data byte ${end}, but the file has only ${available}; it is cut off or damaged.`,
      );
    }
    found.push({ name, begin, end });
    if (!taken) continue;
    // Not `slice`: on a Node Buffer that is a view into a shared pool.
    const copy = new Uint8Array(bytes.subarray(dataStart + begin, dataStart + end));
    const data = new ARRAYS[dtype](copy.buffer);
    tensors.set(name, { dtype, shape, data } as SafetensorsTensor);
  }
  found.sort((a, b) => a.begin - b.begin || a.end - b.end);
  let covered = 0;
  for (const { name, begin, end } of found) {
    if (begin !== covered) {
      const problem = begin < covered ? 'overlaps the tensor before it' : 'leaves bytes before it that no tensor uses';
      throw new InputError(`${fileName}, tensor ${name}: begins at data byte ${begin} and ${problem}, expected ${covered}.`);
    }
    covered = end;
  }
  if (covered !== available) {
    throw new InputError(`${fileName}: ${available - covered} bytes after the last tensor belong to none.`);
  }
  return { tensors, metadata };
}
