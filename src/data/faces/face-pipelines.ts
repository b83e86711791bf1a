/** The WebGPU pipelines of the face renderer: three kinds of surface, then the finishing pass. */
import { DYNAMIC_FLOATS, STATIC_FLOATS } from './face-geometry.js';

/** Gives the WGSL text of a shader by name, for example "faces/face". */
export type ShaderSource = (name: string) => string;

/** The heads' target: square roots of linear light, so that plain 8 bits do. */
export const HEAD_FORMAT: GPUTextureFormat = 'rgba8unorm';
/** The finished pictures: sRGB codes, which develop.wgsl computes itself. */
export const PICTURE_FORMAT: GPUTextureFormat = 'rgba8unorm';
/** The heads' depth buffer: at least 24 bits, which every WebGPU device renders to. */
export const DEPTH_FORMAT: GPUTextureFormat = 'depth24plus';
/** Samples per pixel of the heads; WebGPU knows 1 and 4. */
export const SAMPLES = 4;

/** Pipelines and the layouts of their bind groups. */
export interface FacePipelines {
  /** Skin; eyes and mouth; hair, ears and neck. */
  readonly surfaces: readonly GPURenderPipeline[];
  readonly develop: GPURenderPipeline;
  /** Group 0 of all: the parameters of one face, at a dynamic offset. */
  readonly paramsLayout: GPUBindGroupLayout;
  /** Group 1 of `develop`: the heads' texture. */
  readonly headsLayout: GPUBindGroupLayout;
}

/** The two vertex buffers: what all faces share, and position and normal of one face. */
const VERTEX_BUFFERS: GPUVertexBufferLayout[] = [
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
];

/** Creates the pipelines; shader errors surface on the device. */
export function createFacePipelines(device: GPUDevice, shaderSource: ShaderSource): FacePipelines {
  const paramsLayout = device.createBindGroupLayout({
    entries: [
      {
        binding: 0,
        visibility: GPUShaderStage.VERTEX | GPUShaderStage.FRAGMENT,
        buffer: { type: 'uniform', hasDynamicOffset: true },
      },
    ],
  });
  const headsLayout = device.createBindGroupLayout({
    entries: [{ binding: 0, visibility: GPUShaderStage.FRAGMENT, texture: { sampleType: 'float' } }],
  });
  const faceModule = device.createShaderModule({ label: 'faces/face', code: shaderSource('faces/face') });
  const surfaceLayout = device.createPipelineLayout({ bindGroupLayouts: [paramsLayout] });
  const surface = (vertexEntry: string, fragmentEntry: string): GPURenderPipeline =>
    device.createRenderPipeline({
      label: `faces ${fragmentEntry}`,
      layout: surfaceLayout,
      vertex: { module: faceModule, entryPoint: vertexEntry, buffers: VERTEX_BUFFERS },
      fragment: { module: faceModule, entryPoint: fragmentEntry, targets: [{ format: HEAD_FORMAT }] },
      primitive: { topology: 'triangle-list', cullMode: 'back' },
      depthStencil: { format: DEPTH_FORMAT, depthWriteEnabled: true, depthCompare: 'less' },
      multisample: { count: SAMPLES },
    });
  const developModule = device.createShaderModule({ label: 'faces/develop', code: shaderSource('faces/develop') });
  const develop = device.createRenderPipeline({
    label: 'faces develop',
    layout: device.createPipelineLayout({ bindGroupLayouts: [paramsLayout, headsLayout] }),
    vertex: { module: developModule, entryPoint: 'develop_vertex' },
    fragment: { module: developModule, entryPoint: 'develop_main', targets: [{ format: PICTURE_FORMAT }] },
    primitive: { topology: 'triangle-list' },
  });
  return {
    surfaces: [
      surface('skin_vertex', 'skin_main'),
      surface('part_vertex', 'feature_main'),
      surface('part_vertex', 'scene_main'),
    ],
    develop,
    paramsLayout,
    headsLayout,
  };
}
