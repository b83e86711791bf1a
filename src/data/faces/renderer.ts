/** Draws synthetic faces with WebGPU: one render pass per face into the layers of a texture array. */
import { LANDMARK_COUNT } from '../dataset.js';
import { DeviceError, InputError } from '../../engine/errors.js';
import type { CanonicalMesh } from './canonical-mesh.js';
import { DYNAMIC_FLOATS, STATIC_FLOATS } from './face-geometry.js';
import { FaceModel } from './face-model.js';
import { PARAM_FLOATS } from './face-params.js';
import type { Frame } from './frame.js';
import type { Identity } from './identity.js';

/** Gives the WGSL text of a shader by name, for example "faces/face". */
export type ShaderSource = (name: string) => string;

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

/** The target encodes linear light itself, so that multisampling averages light and not codes. */
const COLOUR_FORMAT: GPUTextureFormat = 'rgba8unorm-srgb';
const DEPTH_FORMAT: GPUTextureFormat = 'depth24plus';
const SAMPLES = 4;
/** Faces per submission: keeps it short (no watchdog) and buffers small. */
const BATCH = 32;
const BYTES_PER_PIXEL = 4;
/** Floats from one face's parameters to the next: dynamic offsets are multiples of 256 bytes. */
const PARAM_STRIDE = Math.ceil((PARAM_FLOATS * 4) / 256) * 64;

/** Smallest and largest image side that can be drawn. */
export const IMAGE_SIZE_RANGE = { min: 16, max: 1024 } as const;

/** Draws faces of one size; call {@link destroy} when done. */
export class FaceRenderer {
  readonly model: FaceModel;
  private readonly skinPipeline: GPURenderPipeline;
  private readonly partPipeline: GPURenderPipeline;
  private readonly group: GPUBindGroup;
  private readonly buffers: {
    readonly fixed: GPUBuffer;
    readonly index: GPUBuffer;
    readonly vertices: GPUBuffer;
    readonly params: GPUBuffer;
    readonly readback: GPUBuffer;
  };
  private readonly layers: GPUTexture;
  private readonly samples: GPUTexture;
  private readonly depth: GPUTexture;
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
    if (!Number.isInteger(imageSize) || imageSize < IMAGE_SIZE_RANGE.min || imageSize > IMAGE_SIZE_RANGE.max) {
      throw new InputError(`The image size is ${imageSize}: expected a whole number from ${IMAGE_SIZE_RANGE.min} to ${IMAGE_SIZE_RANGE.max}.`);
    }
    this.model = new FaceModel(mesh);
    const { geometry } = this.model;
    this.vertexFloats = geometry.vertexCount * DYNAMIC_FLOATS;
    // Copies from textures need rows of a multiple of 256 bytes.
    this.rowBytes = Math.ceil((imageSize * BYTES_PER_PIXEL) / 256) * 256;
    const buffer = (label: string, bytes: number, usage: number): GPUBuffer =>
      device.createBuffer({ label: `faces ${label}`, size: Math.ceil(bytes / 4) * 4, usage });
    const { VERTEX, INDEX, UNIFORM, COPY_DST, MAP_READ } = GPUBufferUsage;
    this.buffers = {
      fixed: buffer('static vertices', geometry.staticVertices.byteLength, VERTEX | COPY_DST),
      index: buffer('indices', geometry.indices.byteLength, INDEX | COPY_DST),
      vertices: buffer('vertices', BATCH * this.vertexFloats * 4, VERTEX | COPY_DST),
      params: buffer('parameters', BATCH * PARAM_STRIDE * 4, UNIFORM | COPY_DST),
      readback: buffer('readback', BATCH * imageSize * this.rowBytes, MAP_READ | COPY_DST),
    };
    device.queue.writeBuffer(this.buffers.fixed, 0, geometry.staticVertices as Float32Array<ArrayBuffer>);
    const evenIndices = new Uint16Array(Math.ceil(geometry.indices.length / 2) * 2);
    evenIndices.set(geometry.indices);
    device.queue.writeBuffer(this.buffers.index, 0, evenIndices);
    const { RENDER_ATTACHMENT, COPY_SRC } = GPUTextureUsage;
    const texture = (format: GPUTextureFormat, layers: number, sampleCount: number, usage: number): GPUTexture =>
      device.createTexture({ label: `faces ${format}`, size: [imageSize, imageSize, layers], format, sampleCount, usage });
    this.layers = texture(COLOUR_FORMAT, BATCH, 1, RENDER_ATTACHMENT | COPY_SRC);
    this.samples = texture(COLOUR_FORMAT, 1, SAMPLES, RENDER_ATTACHMENT);
    this.depth = texture(DEPTH_FORMAT, 1, SAMPLES, RENDER_ATTACHMENT);
    const module = device.createShaderModule({ label: 'faces/face', code: shaderSource('faces/face') });
    const groupLayout = device.createBindGroupLayout({
      entries: [
        {
          binding: 0,
          visibility: GPUShaderStage.VERTEX | GPUShaderStage.FRAGMENT,
          buffer: { type: 'uniform', hasDynamicOffset: true, minBindingSize: PARAM_FLOATS * 4 },
        },
      ],
    });
    this.group = device.createBindGroup({ layout: groupLayout, entries: [{ binding: 0, resource: { buffer: this.buffers.params, size: PARAM_FLOATS * 4 } }] });
    const layout = device.createPipelineLayout({ bindGroupLayouts: [groupLayout] });
    const pipeline = (entryPoint: string): GPURenderPipeline =>
      device.createRenderPipeline({
        label: `faces ${entryPoint}`,
        layout,
        vertex: {
          module,
          entryPoint: 'vertex_main',
          buffers: [
            {
              arrayStride: STATIC_FLOATS * 4,
              attributes: [
                { shaderLocation: 0, offset: 0, format: 'float32x4' },
                { shaderLocation: 1, offset: 16, format: 'float32x4' },
              ],
            },
            {
              arrayStride: DYNAMIC_FLOATS * 4,
              attributes: [
                { shaderLocation: 2, offset: 0, format: 'float32x3' },
                { shaderLocation: 3, offset: 12, format: 'float32x3' },
              ],
            },
          ],
        },
        fragment: { module, entryPoint, targets: [{ format: COLOUR_FORMAT }] },
        primitive: { topology: 'triangle-list', cullMode: 'back' },
        depthStencil: { format: DEPTH_FORMAT, depthWriteEnabled: true, depthCompare: 'less' },
        multisample: { count: SAMPLES },
      });
    this.skinPipeline = pipeline('skin_main');
    this.partPipeline = pipeline('part_main');
  }

  /**
   * Draws `count` faces.
   * @param request gives identity and frame of face i.
   * @param onProgress called with the number of faces done after each batch.
   * @throws {DeviceError} when the device is lost meanwhile.
   */
  async render(
    count: number,
    request: (index: number) => FaceRequest,
    onProgress?: (done: number) => void,
  ): Promise<RenderedFaces> {
    const images = new Uint8Array(count * this.imageSize * this.imageSize * BYTES_PER_PIXEL);
    const landmarks = new Float32Array(count * LANDMARK_COUNT * 2);
    const vertices = new Float32Array(BATCH * this.vertexFloats);
    const params = new Float32Array(BATCH * PARAM_STRIDE);
    for (let start = 0; start < count; start += BATCH) {
      const faces = Math.min(BATCH, count - start);
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
      this.device.queue.writeBuffer(this.buffers.vertices, 0, vertices, 0, faces * this.vertexFloats);
      this.device.queue.writeBuffer(this.buffers.params, 0, params, 0, faces * PARAM_STRIDE);
      this.draw(faces);
      await this.read(faces, images.subarray(start * this.imageSize * this.imageSize * BYTES_PER_PIXEL));
      onProgress?.(start + faces);
    }
    return { images, landmarks };
  }

  private draw(faces: number): void {
    const encoder = this.device.createCommandEncoder({ label: 'faces' });
    const samples = this.samples.createView();
    const depth = this.depth.createView();
    const { geometry } = this.model;
    for (let i = 0; i < faces; i++) {
      const pass = encoder.beginRenderPass({
        colorAttachments: [
          {
            view: samples,
            resolveTarget: this.layers.createView({ dimension: '2d', baseArrayLayer: i, arrayLayerCount: 1 }),
            loadOp: 'clear',
            storeOp: 'discard',
          },
        ],
        depthStencilAttachment: { view: depth, depthClearValue: 1, depthLoadOp: 'clear', depthStoreOp: 'discard' },
      });
      pass.setBindGroup(0, this.group, [i * PARAM_STRIDE * 4]);
      pass.setVertexBuffer(0, this.buffers.fixed);
      pass.setVertexBuffer(1, this.buffers.vertices, i * this.vertexFloats * 4, this.vertexFloats * 4);
      pass.setIndexBuffer(this.buffers.index, 'uint16');
      pass.setPipeline(this.skinPipeline);
      pass.drawIndexed(geometry.skinIndexCount);
      pass.setPipeline(this.partPipeline);
      pass.drawIndexed(geometry.indices.length - geometry.skinIndexCount, 1, geometry.skinIndexCount);
      pass.end();
    }
    encoder.copyTextureToBuffer(
      { texture: this.layers },
      { buffer: this.buffers.readback, bytesPerRow: this.rowBytes, rowsPerImage: this.imageSize },
      [this.imageSize, this.imageSize, faces],
    );
    this.device.queue.submit([encoder.finish()]);
  }

  /** Copies the finished layers into `target`, dropping the rows' padding. */
  private async read(faces: number, target: Uint8Array): Promise<void> {
    const { readback } = this.buffers;
    const rows = faces * this.imageSize;
    try {
      await readback.mapAsync(GPUMapMode.READ, 0, rows * this.rowBytes);
    } catch (error) {
      throw new DeviceError(`The graphics device was lost while drawing faces (${String(error)}): expected it to stay until the last face.`);
    }
    const padded = new Uint8Array(readback.getMappedRange(0, rows * this.rowBytes));
    const rowLength = this.imageSize * BYTES_PER_PIXEL;
    for (let row = 0; row < rows; row++) {
      target.set(padded.subarray(row * this.rowBytes, row * this.rowBytes + rowLength), row * rowLength);
    }
    readback.unmap();
  }

  /** Frees the renderer's buffers and textures; the device stays. */
  destroy(): void {
    for (const buffer of Object.values(this.buffers)) buffer.destroy();
    for (const texture of [this.layers, this.samples, this.depth]) texture.destroy();
  }
}
