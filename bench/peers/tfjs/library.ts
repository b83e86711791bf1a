/**
 * The one place that imports TensorFlow.js. Its gradients are ES modules that name each other without file endings, which
 * Node does not take: scripts/build.mjs bundles this file (and no other) for Node; a browser bundle takes it as it is.
 */
import '@tensorflow/tfjs-core/dist/register_all_gradients.js';

export * as tf from '@tensorflow/tfjs-core';
export { WebGPUBackend } from '@tensorflow/tfjs-backend-webgpu';
