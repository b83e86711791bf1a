/** Small RGBA pictures for files and reports. */
import { encode } from 'fast-png';

/** RGBA bytes, row-major. */
export interface Picture {
  readonly width: number;
  readonly height: number;
  readonly rgba: Uint8Array;
}

/** PNG bytes without the alpha channel. */
export function pngOf({ width, height, rgba }: Picture): Uint8Array {
  const data = new Uint8Array(width * height * 3);
  for (let pixel = 0; pixel < width * height; pixel++) data.set(rgba.subarray(pixel * 4, pixel * 4 + 3), pixel * 3);
  return encode({ width, height, data, channels: 3, depth: 8 });
}

/** Pictures of one size side by side in rows, on white. */
export function tile(pictures: readonly Picture[], columns: number): Picture {
  const [{ width, height }] = pictures;
  const across = Math.min(columns, pictures.length);
  const sheet = { width: width * across, height: height * Math.ceil(pictures.length / across) };
  const rgba = new Uint8Array(sheet.width * sheet.height * 4).fill(255);
  pictures.forEach((picture, index) => {
    const left = (index % across) * width;
    const top = Math.floor(index / across) * height;
    for (let row = 0; row < height; row++) {
      rgba.set(picture.rgba.subarray(row * width * 4, (row + 1) * width * 4), ((top + row) * sheet.width + left) * 4);
    }
  });
  return { ...sheet, rgba };
}
