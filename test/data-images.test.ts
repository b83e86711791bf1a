import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { encode as encodePng, type BitDepth } from 'fast-png';
import jpeg from 'jpeg-js';
import { decodeImage, type RgbaImage } from '../src/data/folder/decode-image.js';
import { resizeToSquare } from '../src/data/folder/resize.js';

const pixel = (image: RgbaImage, x: number, y: number) => [...image.rgba.slice((y * image.width + x) * 4, (y * image.width + x) * 4 + 4)];
const encoded = (channels: number, depth: BitDepth, data: number[]) =>
  encodePng({ width: 2, height: 1, channels, depth, data: depth === 16 ? Uint16Array.from(data) : Uint8Array.from(data) });

test('every kind of PNG becomes RGBA', () => {
  const cases: [string, Uint8Array, number[], number[]][] = [
    ['grey', encoded(1, 8, [7, 200]), [7, 7, 7, 255], [200, 200, 200, 255]],
    ['grey and alpha', encoded(2, 8, [100, 255, 100, 0]), [100, 100, 100, 255], [0, 0, 0, 255]],
    ['RGB', encoded(3, 8, [1, 2, 3, 4, 5, 6]), [1, 2, 3, 255], [4, 5, 6, 255]],
    ['RGBA', encoded(4, 8, [10, 20, 30, 255, 200, 100, 50, 51]), [10, 20, 30, 255], [40, 20, 10, 255]],
    ['16-bit grey', encoded(1, 16, [0x8080, 65535]), [128, 128, 128, 255], [255, 255, 255, 255]],
    ['16-bit RGBA', encoded(4, 16, [257, 514, 771, 65535, 0, 0, 65535, 65535]), [1, 2, 3, 255], [0, 0, 255, 255]],
  ];
  for (const [name, bytes, left, right] of cases) {
    const image = decodeImage(bytes, 'test');
    assert.deepEqual([image.width, image.height], [2, 1], name);
    assert.deepEqual(pixel(image, 0, 0), left, name);
    assert.deepEqual(pixel(image, 1, 0), right, name);
  }
});

test('a 1-bit grey PNG and a palette PNG are unpacked', () => {
  // Encoded here by hand from the PNG specification, as fast-png writes neither.
  const chunk = (type: string, data: number[]) => {
    const body = [...new TextEncoder().encode(type), ...data];
    let crc = ~0;
    for (const byte of body) {
      crc ^= byte;
      for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
    }
    const word = (n: number) => [(n >>> 24) & 255, (n >>> 16) & 255, (n >>> 8) & 255, n & 255];
    return [...word(data.length), ...body, ...word(~crc >>> 0)];
  };
  // A zlib stream with one stored block of the two bytes "filter 0, pixels": Adler-32 worked out below.
  const stored = (bytes: number[]) => {
    let a = 1;
    let b = 0;
    for (const byte of bytes) b = (b + (a += byte)) % 65521;
    const n = bytes.length;
    return [0x78, 1, 1, n, 0, 255 - n, 255, ...bytes, b >> 8, b & 255, a >> 8, a & 255];
  };
  const file = (colourType: number, palette: number[][]) =>
    Uint8Array.from([
      ...[0x89, 0x50, 0x4e, 0x47, 13, 10, 26, 10],
      ...chunk('IHDR', [0, 0, 0, 2, 0, 0, 0, 1, 1, colourType, 0, 0, 0]),
      ...palette.flatMap((colours) => chunk('PLTE', colours)),
      ...chunk('IDAT', stored([0, 0b01000000])),
      ...chunk('IEND', []),
    ]);
  const grey = decodeImage(file(0, []), 'test');
  assert.deepEqual([pixel(grey, 0, 0), pixel(grey, 1, 0)], [[0, 0, 0, 255], [255, 255, 255, 255]]);
  const coloured = decodeImage(file(3, [[9, 8, 7, 250, 0, 1]]), 'test');
  assert.deepEqual([pixel(coloured, 0, 0), pixel(coloured, 1, 0)], [[9, 8, 7, 255], [250, 0, 1, 255]]);
});

test('a JPEG becomes RGBA within its loss', () => {
  const data = new Uint8Array(16 * 8 * 4).fill(255);
  for (let i = 0; i < data.length; i += 4) data.set([200, 120, 40], i);
  const image = decodeImage(jpeg.encode({ width: 16, height: 8, data }, 95).data, 'test');
  assert.deepEqual([image.width, image.height], [16, 8]);
  const [r, g, b, a] = pixel(image, 5, 5);
  assert.ok(Math.abs(r - 200) < 5 && Math.abs(g - 120) < 5 && Math.abs(b - 40) < 5 && a === 255);
});

const anyImage = fc
  .tuple(fc.integer({ min: 1, max: 12 }), fc.integer({ min: 1, max: 12 }))
  .chain(([width, height]) =>
    fc.uint8Array({ minLength: width * height * 4, maxLength: width * height * 4 }).map((rgba) => ({
      width,
      height,
      rgba: rgba.map((value, i) => (i % 4 === 3 ? 255 : value)),
    })),
  );

test('an image that has the size comes out bit for bit', () => {
  fc.assert(
    fc.property(anyImage, (image) => {
      fc.pre(image.width === image.height);
      const { rgba, placement } = resizeToSquare(image, image.width);
      assert.deepEqual(rgba, image.rgba);
      assert.deepEqual(placement, { scale: 1, offsetX: 0, offsetY: 0 });
    }),
  );
});

test('making an image smaller keeps the mean of its area', () => {
  fc.assert(
    fc.property(anyImage, fc.integer({ min: 1, max: 12 }), (image, size) => {
      fc.pre(size <= Math.max(image.width, image.height));
      const { rgba, placement } = resizeToSquare(image, size);
      for (let c = 0; c < 3; c++) {
        const total = (bytes: Uint8Array) => bytes.reduce((sum, value, i) => sum + (i % 4 === c ? value : 0), 0);
        // Each source pixel covers scale² target pixels; rounding moves each target pixel by half at most.
        const expected = total(image.rgba) * placement.scale ** 2;
        assert.ok(Math.abs(total(rgba) - expected) <= size * size * 0.5 + 1e-3);
      }
    }),
  );
});

test('a landmark stays on what it marks, at any size and shape', () => {
  // One bright block on black: its centre of mass moves as the placement says.
  for (const [width, height, size] of [[40, 40, 16], [40, 20, 16], [20, 50, 64], [9, 9, 32], [33, 47, 20]]) {
    const rgba = new Uint8Array(width * height * 4);
    for (let y = 4; y < 8; y++) for (let x = 3; x < 6; x++) rgba.set([240, 240, 240], (y * width + x) * 4);
    const { rgba: out, placement } = resizeToSquare({ width, height, rgba }, size);
    let mass = 0;
    let mx = 0;
    let my = 0;
    for (let i = 0; i < size * size; i++) {
      mass += out[i * 4];
      mx += out[i * 4] * ((i % size) + 0.5);
      my += out[i * 4] * (Math.floor(i / size) + 0.5);
    }
    assert.ok(Math.abs(mx / mass - (4.5 * placement.scale + placement.offsetX)) < 0.1, `${width}×${height} to ${size}`);
    assert.ok(Math.abs(my / mass - (6 * placement.scale + placement.offsetY)) < 0.1, `${width}×${height} to ${size}`);
  }
});

test('an image that is not square gets black bars', () => {
  const { rgba } = resizeToSquare({ width: 8, height: 4, rgba: new Uint8Array(128).fill(255) }, 8);
  const row = (y: number) => rgba[(y * 8 + 3) * 4];
  assert.deepEqual([0, 1, 2, 3, 4, 5, 6, 7].map(row), [0, 0, 255, 255, 255, 255, 0, 0]);
});
