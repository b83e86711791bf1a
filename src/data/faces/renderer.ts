/** Draws synthetic faces with WebGPU: many per render pass, each into its own tile of one texture. */
import { DeviceError, InputError } from '../../engine/errors.js';
import { LANDMARK_COUNT } from '../dataset.js';
import type { CanonicalMesh } from './canonical-mesh.js';
import { DYNAMIC_FLOATS } from './face-geometry.js';
import { FaceModel } from './face-model.js';
import { PARAM_FLOATS } from './face-params.js';
import {
  DEPTH_FORMAT,
  HEAD_FORMAT,
  PICTURE_FORMAT,
  SAMPLES,
  createFacePipelines,
  type FacePipelines,
  type ShaderSource,
} from './face-pipelines.js';
import type { Frame } from './frame.js';
import type { Identity } from './identity.js';

/** A face to draw. */
export interface FaceRequest {
  readonly identity: Identity;
  readonly frame: Frame;
}

/** Faces as drawn. */
export interface RenderedFaces {
  /** [count, size, size, 4] sRGB bytes, row 0 at the top. */
  readonly images: Uint8Array;
  /** [count, 49, 2] pixels. */
  readonly landmarks: Float32Array;
}

/** Tiles across and down, as far as the texture stays within MAX_ATLAS pixels: short submissions, small buffers. */
const TILES_ACROSS = 8;
const TILES_DOWN = 4;
const MAX_ATLAS = 2048;
const BYTES_PER_PIXEL = 4;
/** Floats from one face's parameters to the next: dynamic offsets are multiples of 256 bytes. */
const PARAM_STRIDE = Math.ceil((PARAM_FLOATS * 4) / 256) * 64;

/** Smallest and largest image side that can be drawn. */
export const IMAGE_SIZE_RANGE = { min: 16, max: 1024 } as const;

/** Draws faces of one size; call {@link destroy} when done. */
export class FaceRenderer {
  /** Geometry and landmarks of faces, for those who need no pixels. */
  readonly model: FaceModel;
  private readonly pipelines: FacePipelines;
  /** What the device said against buffers, textures or shaders, if anything. */
  private readonly problem: Promise<string | undefined>;
  private readonly paramsGroup: GPUBindGroup;
  private readonly headsGroup: GPUBindGroup;
  private readonly buffers: {
    readonly fixed: GPUBuffer;
    readonly index: GPUBuffer;
    readonly vertices: GPUBuffer;
    readonly params: GPUBuffer;
    readonly readback: GPUBuffer;
  };
  private readonly textures: {
    readonly samples: GPUTexture;
    readonly depth: GPUTexture;
    readonly heads: GPUTexture;
    readonly pictures: GPUTexture;
  };
  private readonly across: number;
  private readonly down: number;
  private readonly rowBytes: number;
  private readonly vertexFloats: number;

  /**
   * @param imageSize width and height in pixels, 16 to 1024.
   * @throws {InputError} when the size is out of range.
   */
  constructor(
    private readonly device: GPUDevice,
    mesh: CanonicalMesh,
    shaderSource: ShaderSource,
    private readonly imageSize: number,
  ) {
    const { min, max } = IMAGE_SIZE_RANGE;
    if (!Number.isInteger(imageSize) || imageSize < min || imageSize > max) {
      throw new InputError(`The image size is ${imageSize}: expected a whole number of pixels from ${min} to ${max}.`);
    }
    this.model = new FaceModel(mesh);
    this.vertexFloats = this.model.geometry.vertexCount * DYNAMIC_FLOATS;
    this.across = Math.min(TILES_ACROSS, Math.floor(MAX_ATLAS / imageSize));
    this.down = Math.min(TILES_DOWN, Math.floor(MAX_ATLAS / imageSize));
    // Copies from textures need rows of a multiple of 256 bytes.
    this.rowBytes = Math.ceil((this.across * imageSize * BYTES_PER_PIXEL) / 256) * 256;
    device.pushErrorScope('validation');
    this.buffers = this.createBuffers();
    this.textures = this.createTextures();
    this.pipelines = createFacePipelines(device, shaderSource);
    this.paramsGroup = device.createBindGroup({
      layout: this.pipelines.paramsLayout,
      entries: [{ binding: 0, resource: { buffer: this.buffers.params, size: PARAM_FLOATS * 4 } }],
    });
    this.headsGroup = device.createBindGroup({
      layout: this.pipelines.headsLayout,
      entries: [{ binding: 0, resource: this.textures.heads.createView() }],
    });
    this.problem = device.popErrorScope().then((error) => error?.message, String);
  }

  private createBuffers(): FaceRenderer['buffers'] {
    const { device } = this;
    const { geometry } = this.model;
    const batch = this.across * this.down;
    const { VERTEX, INDEX, UNIFORM, COPY_DST, MAP_READ } = GPUBufferUsage;
    const buffer = (label: string, bytes: number, usage: number): GPUBuffer =>
      device.createBuffer({ label: `faces ${label}`, size: Math.ceil(bytes / 4) * 4, usage });
    const buffers = {
      fixed: buffer('static vertices', geometry.staticVertices.byteLength, VERTEX | COPY_DST),
      index: buffer('indices', geometry.indices.byteLength, INDEX | COPY_DST),
      vertices: buffer('vertices', batch * this.vertexFloats * 4, VERTEX | COPY_DST),
      params: buffer('parameters', batch * PARAM_STRIDE * 4, UNIFORM | COPY_DST),
      readback: buffer('readback', this.down * this.imageSize * this.rowBytes, MAP_READ | COPY_DST),
    };
    device.queue.writeBuffer(buffers.fixed, 0, new Float32Array(geometry.staticVertices));
    const evenIndices = new Uint16Array(Math.ceil(geometry.indices.length / 2) * 2);
    evenIndices.set(geometry.indices);
    device.queue.writeBuffer(buffers.index, 0, evenIndices);
    return buffers;
  }

  private createTextures(): FaceRenderer['textures'] {
    const { RENDER_ATTACHMENT, TEXTURE_BINDING, COPY_SRC } = GPUTextureUsage;
    const size = [this.across * this.imageSize, this.down * this.imageSize];
    const texture = (label: string, format: GPUTextureFormat, sampleCount: number, usage: number): GPUTexture =>
      this.device.createTexture({ label: `faces ${label}`, size, format, sampleCount, usage });
    return {
      samples: texture('samples', HEAD_FORMAT, SAMPLES, RENDER_ATTACHMENT),
      depth: texture('depth', DEPTH_FORMAT, SAMPLES, RENDER_ATTACHMENT),
      heads: texture('heads', HEAD_FORMAT, 1, RENDER_ATTACHMENT | TEXTURE_BINDING),
      pictures: texture('pictures', PICTURE_FORMAT, 1, RENDER_ATTACHMENT | COPY_SRC),
    };
  }

  /**
   * Draws `count` faces.
   * @param request gives identity and frame of face i.
   * @param onProgress called with the number of faces done after each batch.
   * @throws {DeviceError} when the device does not take the shaders or is lost meanwhile.
   */
  async render(
    count: number,
    request: (index: number) => FaceRequest,
    onProgress?: (done: number) => void,
  ): Promise<RenderedFaces> {
    const problem = await this.problem;
    if (problem !== undefined) {
      throw new DeviceError(`The face renderer cannot work on this device: expected no validation error, got "${problem}".`);
    }
    const imageBytes = this.imageSize * this.imageSize * BYTES_PER_PIXEL;
    const images = new Uint8Array(count * imageBytes);
    const landmarks = new Float32Array(count * LANDMARK_COUNT * 2);
    const batch = this.across * this.down;
    const vertices = new Float32Array(batch * this.vertexFloats);
    const params = new Float32Array(batch * PARAM_STRIDE);
    const build = (start: number, faces: number): void => {
      for (let i = 0; i < faces; i++) {
        const { identity, frame } = request(start + i);
        this.model.build(
          identity,
          frame,
          this.imageSize,
          { vertices, vertexOffset: i * this.vertexFloats },
          { params, paramOffset: i * PARAM_STRIDE },
          { landmarks, landmarkOffset: (start + i) * LANDMARK_COUNT * 2 },
        );
      }
    };
    build(0, Math.min(batch, count));
    for (let start = 0; start < count; start += batch) {
      const faces = Math.min(batch, count - start);
      this.device.queue.writeBuffer(this.buffers.vertices, 0, vertices, 0, faces * this.vertexFloats);
      this.device.queue.writeBuffer(this.buffers.params, 0, params, 0, faces * PARAM_STRIDE);
      this.submit(faces);
      const drawn = this.read(faces, images.subarray(start * imageBytes));
      // The next batch is computed here while this one is drawn there.
      const next = Math.min(batch, count - start - faces);
      if (next > 0) build(start + faces, next);
      await drawn;
      onProgress?.(start + faces);
    }
    return { images, landmarks };
  }

  /** Runs `draw` for each tile with its viewport and parameters set. */
  private forEachTile(pass: GPURenderPassEncoder, faces: number, draw: (face: number) => void): void {
    const { imageSize } = this;
    for (let i = 0; i < faces; i++) {
      const x = (i % this.across) * imageSize;
      const y = Math.floor(i / this.across) * imageSize;
      pass.setViewport(x, y, imageSize, imageSize, 0, 1);
      pass.setScissorRect(x, y, imageSize, imageSize);
      pass.setBindGroup(0, this.paramsGroup, [i * PARAM_STRIDE * 4]);
      draw(i);
    }
  }

  private submit(faces: number): void {
    const encoder = this.device.createCommandEncoder({ label: 'faces' });
    this.drawHeads(encoder, faces);
    const { heads, pictures } = this.textures;
    const pass = encoder.beginRenderPass({
      colorAttachments: [{ view: pictures.createView(), loadOp: 'clear', storeOp: 'store' }],
    });
    pass.setPipeline(this.pipelines.develop);
    pass.setBindGroup(1, this.headsGroup);
    this.forEachTile(pass, faces, () => pass.draw(3));
    pass.end();
    encoder.copyTextureToBuffer(
      { texture: pictures },
      { buffer: this.buffers.readback, bytesPerRow: this.rowBytes },
      [heads.width, heads.height],
    );
    this.device.queue.submit([encoder.finish()]);
  }

  private drawHeads(encoder: GPUCommandEncoder, faces: number): void {
    const { samples, depth, heads } = this.textures;
    const { indices, skinIndexCount, featureIndexCount } = this.model.geometry;
    const pass = encoder.beginRenderPass({
      colorAttachments: [
        { view: samples.createView(), resolveTarget: heads.createView(), loadOp: 'clear', storeOp: 'discard' },
      ],
      depthStencilAttachment: { view: depth.createView(), depthClearValue: 1, depthLoadOp: 'clear', depthStoreOp: 'discard' },
    });
    pass.setVertexBuffer(0, this.buffers.fixed);
    pass.setIndexBuffer(this.buffers.index, 'uint16');
    const ranges = [
      [0, skinIndexCount],
      [skinIndexCount, featureIndexCount],
      [skinIndexCount + featureIndexCount, indices.length - skinIndexCount - featureIndexCount],
    ] as const;
    // Skin first: what it hides is not shaded again.
    ranges.forEach(([first, count], surface) => {
      pass.setPipeline(this.pipelines.surfaces[surface]);
      this.forEachTile(pass, faces, (i) => {
        pass.setVertexBuffer(1, this.buffers.vertices, i * this.vertexFloats * 4, this.vertexFloats * 4);
        pass.drawIndexed(count, 1, first);
      });
    });
    pass.end();
  }

  /** Copies the finished tiles into `target`, one image after the other. */
  private async read(faces: number, target: Uint8Array): Promise<void> {
    const { readback } = this.buffers;
    try {
      await readback.mapAsync(GPUMapMode.READ);
    } catch (error) {
      throw new DeviceError(
        `The graphics device was lost while drawing faces (${String(error)}): expected it to stay until the last face.`,
      );
    }
    const atlas = new Uint8Array(readback.getMappedRange());
    const rowLength = this.imageSize * BYTES_PER_PIXEL;
    for (let row = 0; row < faces * this.imageSize; row++) {
      const face = Math.floor(row / this.imageSize);
      const y = Math.floor(face / this.across) * this.imageSize + (row % this.imageSize);
      const from = y * this.rowBytes + (face % this.across) * rowLength;
      target.set(atlas.subarray(from, from + rowLength), row * rowLength);
    }
    readback.unmap();
  }

  /** Frees the renderer's buffers and textures; the device stays. */
  destroy(): void {
    for (const buffer of Object.values(this.buffers)) buffer.destroy();
    for (const texture of Object.values(this.textures)) texture.destroy();
  }
}
