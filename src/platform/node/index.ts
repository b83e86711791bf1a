/** What Zygo needs from Node: a WebGPU adapter, face folders on disk, the face mesh. */
export { loadCanonicalMesh } from './canonical-mesh.js';
export { findNodeGpu, type NodeGpu, type NodeGpuOptions } from './gpu.js';
export { readFaceFolder, writeFaceFolder, type WriteFaceFolderOptions } from './image-files.js';
