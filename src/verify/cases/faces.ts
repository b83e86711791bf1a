/**
 * The face renderer. Background, grain and encoding are compared with float64, and where the head covers the picture
 * follows from the projected mesh. The head's colours have no reference: they are painted, not computed from a formula
 * that stands anywhere else.
 */
import type { CanonicalMesh } from '../../data/faces/canonical-mesh.js';
import { DYNAMIC_FLOATS } from '../../data/faces/face-geometry.js';
import { FaceModel } from '../../data/faces/face-model.js';
import { PARAM_FLOATS } from '../../data/faces/face-params.js';
import { plainFrame, type Frame } from '../../data/faces/frame.js';
import { makeIdentity } from '../../data/faces/identity.js';
import { FaceRenderer } from '../../data/faces/renderer.js';
import { KernelError } from '../../engine/index.js';
import { shaderSources } from '../../shaders.generated.js';
import type { VerifyCase } from '../types.js';

const SIZE = 64;
const SHADERS = ['faces/face', 'faces/develop'];
/** A code of 8 bits may be rounded either way. */
const ONE_CODE = 1.5 / 255;
/** Pixels from a silhouette within which coverage is not decided. */
const MARGIN = 0.75;

/** 0 for a difference of one code of 8 bits. */
const beyondRounding = (codes: number): number => (Math.abs(codes) <= 1 ? 0 : codes);

/** One person three times: with grain, and without on two backgrounds. */
function frames(): Frame[] {
  const frame: Frame = { ...plainFrame(), fill: 0.7, yaw: 0.2, noise: 0.02, noiseSeed: 12345 };
  const still = { ...frame, noise: 0 };
  return [frame, still, { ...still, backgroundTop: [0.02, 0.3, 0.6], backgroundBottom: [0.7, 0.1, 0.001] }];
}

/** PCG of develop.wgsl, after Jarzynski and Olano 2020. */
function hash(x: number, y: number, seed: number): number {
  const state = (Math.imul((Math.imul(x, 1664525) + Math.imul(y, 22695477) + seed) | 0, 747796405) + 2891336453) >>> 0;
  const word = Math.imul(((state >>> ((state >>> 28) + 4)) ^ state) >>> 0, 277803737) >>> 0;
  return ((word >>> 22) ^ word) >>> 0;
}

/** The code of a background pixel, 0 to 255; IEC 61966-2-1 and a triangular grain of two bytes. */
function backgroundCode({ backgroundTop, backgroundBottom, noise, noiseSeed }: Frame, x: number, y: number, tileX: number, channel: number): number {
  const share = 1 - (y + 0.5) / SIZE;
  const linear = backgroundBottom[channel] + (backgroundTop[channel] - backgroundBottom[channel]) * share;
  const bits = hash(tileX + x, y, noiseSeed);
  const grain = (bits & 255) / 255 + ((bits >>> 8) & 255) / 255 - 1;
  const root = Math.min(1, Math.max(0, Math.sqrt(linear) + 2.4 * noise * grain));
  const light = root * root;
  return 255 * (light <= 0.0031308 ? 12.92 * light : 1.055 * light ** (1 / 2.4) - 0.055);
}

/** Which pixels the head surely covers (1), surely leaves free (0), or neither (NaN), from the projected triangles. */
function coverage(mesh: CanonicalMesh, frame: Frame): Float64Array {
  const model = new FaceModel(mesh);
  const { indices, vertexCount } = model.geometry;
  const vertices = new Float32Array(vertexCount * DYNAMIC_FLOATS);
  const params = new Float32Array(PARAM_FLOATS);
  const landmarks = new Float32Array(98);
  model.build(makeIdentity(14), frame, SIZE, { vertices, vertexOffset: 0 }, { params, paramOffset: 0 }, { landmarks, landmarkOffset: 0 });
  const clip = params.subarray(8, 24);
  const points = Array.from({ length: vertexCount }, (_, v) => {
    const [x, y, z] = vertices.subarray(v * DYNAMIC_FLOATS, v * DYNAMIC_FLOATS + 3);
    const row = (r: number): number => clip[r] * x + clip[4 + r] * y + clip[8 + r] * z + clip[12 + r];
    return [(0.5 + (0.5 * row(0)) / row(3)) * SIZE, (0.5 - (0.5 * row(1)) / row(3)) * SIZE];
  });
  // Probes around each pixel's centre; a pixel is decided when all agree.
  const offsets = [-MARGIN, 0, MARGIN].flatMap((dy) => [-MARGIN, 0, MARGIN].map((dx) => [0.5 + dx, 0.5 + dy]));
  const hits = new Uint16Array(SIZE * SIZE);
  for (let t = 0; t < indices.length; t += 3) {
    const [a, b, c] = [points[indices[t]], points[indices[t + 1]], points[indices[t + 2]]];
    // y points down here, so that triangles that face the camera turn the other way round.
    const area = (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0]);
    if (area >= 0) continue;
    const edge = (p: number[], q: number[], x: number, y: number): number => (q[0] - p[0]) * (y - p[1]) - (q[1] - p[1]) * (x - p[0]);
    const range = (k: number): [number, number] => [
      Math.max(0, Math.floor(Math.min(a[k], b[k], c[k]) - 2)),
      Math.min(SIZE - 1, Math.ceil(Math.max(a[k], b[k], c[k]) + 2)),
    ];
    const [[left, right], [top, bottom]] = [range(0), range(1)];
    for (let y = top; y <= bottom; y++) {
      for (let x = left; x <= right; x++) {
        offsets.forEach(([dx, dy], probe) => {
          const [px, py] = [x + dx, y + dy];
          if (edge(a, b, px, py) <= 0 && edge(b, c, px, py) <= 0 && edge(c, a, px, py) <= 0) hits[y * SIZE + x] |= 1 << probe;
        });
      }
    }
  }
  const all = (1 << offsets.length) - 1;
  return Float64Array.from(hits, (bits) => (bits === all ? 1 : bits === 0 ? 0 : NaN));
}

/**
 * Cases of src/data/faces.
 * @param mesh the canonical face mesh
 */
export function faceCases(mesh: CanonicalMesh): VerifyCase[] {
  const source = (name: string): string => {
    if (!SHADERS.includes(name)) throw new KernelError(name, 'is not listed among the shaders that the case of the face renderer runs.');
    return shaderSources[name];
  };
  const bytes = SIZE * SIZE * 4;
  return [
    {
      op: 'faces',
      name: `3 of ${SIZE} x ${SIZE}: background, coverage`,
      renders: SHADERS,
      async run(engine) {
        const renderer = new FaceRenderer(engine.device, mesh, source, SIZE);
        try {
          const given = frames();
          const { images } = await renderer.render(given.length, (i) => ({ identity: makeIdentity(14), frame: given[i] }));
          const image = Float32Array.from(images);
          // The two heads lie at different places of the atlas, so interpolated colours may be rounded differently.
          const difference = image.slice(bytes, 2 * bytes).map((value, at) => beyondRounding(value - image[2 * bytes + at]));
          return { background: image, 'what shows through the head': difference };
        } finally {
          renderer.destroy();
        }
      },
      reference() {
        const given = frames();
        const covered = coverage(mesh, given[0]);
        const [free, inside] = [0, 1].map((wanted) => Array.from(covered.keys()).filter((pixel) => covered[pixel] === wanted));
        const background = given.flatMap((frame, image) =>
          free.flatMap((pixel) =>
            [0, 1, 2].map((channel) => ({
              at: image * bytes + 4 * pixel + channel,
              value: backgroundCode(frame, pixel % SIZE, Math.floor(pixel / SIZE), image * SIZE, channel),
            })),
          ),
        );
        const hidden = inside.flatMap((pixel) => [0, 1, 2].map((channel) => 4 * pixel + channel));
        return {
          background: { at: background.map(({ at }) => at), values: background.map(({ value }) => value), tolerance: ONE_CODE },
          'what shows through the head': { at: hidden, values: hidden.map(() => 0), tolerance: 0 },
        };
      },
    },
  ];
}
