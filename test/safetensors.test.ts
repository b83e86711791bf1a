import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { InputError } from '../src/engine/errors.js';
import {
  decodeSafetensors,
  encodeSafetensors,
  type SafetensorsDtype,
  type SafetensorsTensor,
} from '../src/model/checkpoint/safetensors.js';

/** A file from a header given as text and some data bytes, as another program may have written it. */
function fileFrom(header: string, data: Uint8Array = new Uint8Array()): Uint8Array {
  const json = new TextEncoder().encode(header);
  const bytes = new Uint8Array(8 + json.length + data.length);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(json.length), true);
  bytes.set(json, 8);
  bytes.set(data, 8 + json.length);
  return bytes;
}

function tensor(dtype: SafetensorsDtype, shape: number[], bytes: Uint8Array): SafetensorsTensor {
  const { buffer } = new Uint8Array(bytes);
  const arrays = { F32: Float32Array, I32: Int32Array, U32: Uint32Array, U8: Uint8Array };
  return { dtype, shape, data: new arrays[dtype](buffer) } as SafetensorsTensor;
}

const anyTensor = fc
  .tuple(fc.constantFrom<SafetensorsDtype>('F32', 'I32', 'U32', 'U8'), fc.array(fc.nat(4), { maxLength: 4 }))
  .chain(([dtype, shape]) => {
    const length = shape.reduce((a, b) => a * b, 1) * (dtype === 'U8' ? 1 : 4);
    return fc.uint8Array({ minLength: length, maxLength: length }).map((bytes) => tensor(dtype, shape, bytes));
  });
const anyName = fc.oneof(fc.string({ unit: 'binary' }), fc.constantFrom('__proto__', 'constructor', ''));
const anyFile = fc.record({
  tensors: fc.array(fc.tuple(anyName.filter((name) => name !== '__metadata__'), anyTensor), { maxLength: 6 }),
  metadata: fc.array(fc.tuple(anyName, fc.string({ unit: 'binary' })), { maxLength: 3 }),
});

const rawBytes = ({ data }: SafetensorsTensor) => new Uint8Array(data.buffer, data.byteOffset, data.byteLength);

test('what is written is read back bit for bit', () => {
  fc.assert(
    fc.property(anyFile, (file) => {
      const tensors = new Map(file.tensors);
      const metadata = new Map(file.metadata);
      const read = decodeSafetensors(encodeSafetensors({ tensors, metadata }), 'model.safetensors');
      assert.deepEqual(read.metadata, metadata);
      assert.deepEqual(new Set(read.tensors.keys()), new Set(tensors.keys()));
      for (const [name, { dtype, shape, data }] of tensors) {
        const back = read.tensors.get(name)!;
        assert.equal(back.dtype, dtype);
        assert.deepEqual(back.shape, shape);
        assert.equal(back.data.constructor, data.constructor);
        assert.deepEqual(rawBytes(back), rawBytes({ dtype, shape, data } as SafetensorsTensor));
      }
    }),
  );
});

test('a file cut off anywhere is refused', () => {
  fc.assert(
    fc.property(anyFile, fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), (file, where) => {
      const bytes = encodeSafetensors({ tensors: new Map(file.tensors), metadata: new Map(file.metadata) });
      const cut = bytes.subarray(0, Math.floor(where * bytes.length));
      assert.throws(() => decodeSafetensors(cut, 'cut.safetensors'), InputError);
    }),
  );
  const bytes = encodeSafetensors({
    tensors: new Map([['w', tensor('F32', [2], new Uint8Array(8))]]),
    metadata: new Map(),
  });
  for (let length = 0; length < bytes.length; length++) {
    assert.throws(
      () => decodeSafetensors(bytes.subarray(0, length), 'cut.safetensors'),
      (error: Error) => error instanceof InputError && error.message.includes('cut.safetensors'),
      `cut at ${length}`,
    );
  }
});

test('each damage is named with file and tensor', () => {
  const read = (header: string, bytes = 0) => decodeSafetensors(fileFrom(header, new Uint8Array(bytes)), 'm.st');
  const entry = (dtype: string, shape: unknown, offsets: unknown) =>
    `{"w":${JSON.stringify({ dtype, shape, data_offsets: offsets })}}`;
  const huge = new Uint8Array(16);
  new DataView(huge.buffer).setBigUint64(0, 2n ** 63n, true);
  assert.throws(() => decodeSafetensors(huge, 'm.st'), /m\.st is not a safetensors file: its header would be 9223372036854775808 bytes/);
  assert.throws(() => read('{"w":'), /m\.st is damaged: its header is not valid JSON/);
  assert.throws(() => read('[]'), /not a JSON object/);
  assert.throws(() => read('{"w":3}'), /m\.st, tensor w: its header entry is not an object/);
  assert.throws(() => read(entry('F16', [1], [0, 2]), 2), /tensor w: dtype "F16", expected one of F32, I32, U32, U8/);
  assert.throws(() => read(entry('constructor', [1], [0, 2]), 2), /dtype "constructor"/);
  assert.throws(() => read(entry('F32', [-1], [0, 4]), 4), /tensor w: shape \[-1\]/);
  assert.throws(() => read(entry('F32', [1.5], [0, 6]), 6), /tensor w: shape/);
  assert.throws(() => read(entry('F32', [1], [0]), 4), /tensor w: data_offsets \[0\]/);
  assert.throws(() => read(entry('F32', [2], [0, 4]), 4), /tensor w: data_offsets \[0, 4\] hold 4 bytes, but F32 of shape \[2\] takes 8/);
  assert.throws(() => read(entry('F32', [2], [8, 0]), 8), /tensor w: data_offsets \[8, 0\] hold -8 bytes/);
  assert.throws(() => read(entry('F32', [2], [0, 8]), 7), /tensor w: it ends at data byte 8, but the file has only 7/);
  assert.throws(() => read(entry('F32', [1], [4, 8]), 8), /tensor w: begins at data byte 4 and leaves bytes/);
  assert.throws(() => read(entry('F32', [1], [0, 4]), 5), /1 bytes after the last tensor/);
  assert.throws(() => read('{"__metadata__":{"step":3}}'), /entry "step" of __metadata__ is number/);
  const two = '{"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"b":{"dtype":"U8","shape":[3],"data_offsets":[2,5]}}';
  assert.throws(() => read(two, 5), /tensor b: begins at data byte 2 and overlaps/);
});

test('a file as the reference implementation writes it is read, also from a Node Buffer', () => {
  const header = '{"__metadata__":{"format":"pt"},"b":{"dtype":"F32","shape":[],"data_offsets":[0,4]},"a":{"dtype":"U8","shape":[0],"data_offsets":[4,4]}}  ';
  const bytes = fileFrom(header, new Uint8Array(Float32Array.of(1.5).buffer));
  const pooled = Buffer.from(bytes);
  const { tensors, metadata } = decodeSafetensors(pooled, 'm.st');
  pooled.fill(0);
  assert.deepEqual(tensors.get('b'), { dtype: 'F32', shape: [], data: Float32Array.of(1.5) });
  assert.deepEqual(tensors.get('a'), { dtype: 'U8', shape: [0], data: new Uint8Array() });
  assert.equal(metadata.get('format'), 'pt');
});

test('the writer refuses data that does not fit, and aligns what it writes', () => {
  const bad = new Map<string, SafetensorsTensor>([['w', { dtype: 'F32', shape: [3], data: new Float32Array(2) }]]);
  assert.throws(() => encodeSafetensors({ tensors: bad, metadata: new Map() }), /w has shape \[3\], 3 elements, but its data has 2/);
  const reserved = new Map<string, SafetensorsTensor>([['__metadata__', { dtype: 'U8', shape: [0], data: new Uint8Array() }]]);
  assert.throws(() => encodeSafetensors({ tensors: reserved, metadata: new Map() }), InputError);
  const mixed = new Map<string, SafetensorsTensor>([
    ['bytes', { dtype: 'U8', shape: [3], data: Uint8Array.of(1, 2, 3) }],
    ['floats', { dtype: 'F32', shape: [1], data: Float32Array.of(2) }],
  ]);
  const bytes = encodeSafetensors({ tensors: mixed, metadata: new Map() });
  const headerLength = Number(new DataView(bytes.buffer).getBigUint64(0, true));
  assert.equal(headerLength % 8, 0);
  const header = JSON.parse(new TextDecoder().decode(bytes.subarray(8, 8 + headerLength)));
  assert.deepEqual(header.floats.data_offsets, [0, 4]);
});
