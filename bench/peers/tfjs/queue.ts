/** Waiting for TensorFlow.js. */
import type { WebGPUBackend } from './library.js';

/** Submits what the backend has recorded and not submitted yet, and waits for all of it; reads nothing. */
export async function finishOn(backend: WebGPUBackend): Promise<void> {
  backend.endComputePassEncoder();
  backend.ensureCommandEncoderReady();
  backend.submitQueue();
  await backend.queue.onSubmittedWorkDone();
}
