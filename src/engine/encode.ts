import type { Command } from './commands.js';

/** A command with everything WebGPU needs, so that encoding it again costs three calls. */
export type ReadyCommand =
  | { readonly kind: 'dispatch'; readonly pipeline: GPUComputePipeline; readonly bindGroup: GPUBindGroup; readonly x: number; readonly y: number; readonly z: number }
  | { readonly kind: 'clear'; readonly buffer: GPUBuffer; readonly offset: number; readonly byteLength: number }
  | { readonly kind: 'copy'; readonly source: GPUBuffer; readonly sourceOffset: number; readonly destination: GPUBuffer; readonly destinationOffset: number; readonly byteLength: number };

/** Resolves a command whose tensors all have buffers. */
export function makeReady(device: GPUDevice, command: Command, uniform: GPUBufferBinding | null): ReadyCommand {
  if (command.kind === 'clear') {
    const { storage, byteOffset, byteLength } = command.tensor;
    return { kind: 'clear', buffer: storage.buffer as GPUBuffer, offset: storage.bufferOffset + byteOffset, byteLength };
  }
  if (command.kind === 'copy') {
    const { source, destination } = command;
    return {
      kind: 'copy',
      source: source.storage.buffer as GPUBuffer,
      sourceOffset: source.storage.bufferOffset + source.byteOffset,
      destination: destination.storage.buffer as GPUBuffer,
      destinationOffset: destination.storage.bufferOffset + destination.byteOffset,
      byteLength: source.byteLength,
    };
  }
  const { program, call } = command;
  const [x, y = 1, z = 1] = call.workgroups;
  return {
    kind: 'dispatch',
    pipeline: program.pipeline(),
    bindGroup: device.createBindGroup({
      label: call.label ?? call.shader,
      layout: program.bindGroupLayout,
      entries: program.bindGroupEntries(call.tensors, uniform),
    }),
    x,
    y,
    z,
  };
}

/** Encodes commands in order; consecutive dispatches share one compute pass, and what is set already is not set again. */
export function encode(encoder: GPUCommandEncoder, commands: readonly ReadyCommand[], from: number, to: number): void {
  let pass: GPUComputePassEncoder | null = null;
  let pipeline: GPUComputePipeline | null = null;
  for (let index = from; index < to; index++) {
    const command = commands[index];
    if (command.kind === 'dispatch') {
      pass ??= encoder.beginComputePass();
      if (command.pipeline !== pipeline) {
        pipeline = command.pipeline;
        pass.setPipeline(pipeline);
      }
      pass.setBindGroup(0, command.bindGroup);
      // Every argument costs time on the way into a native WebGPU.
      if (command.y === 1 && command.z === 1) pass.dispatchWorkgroups(command.x);
      else pass.dispatchWorkgroups(command.x, command.y, command.z);
      continue;
    }
    pass?.end();
    pass = null;
    pipeline = null;
    if (command.kind === 'clear') encoder.clearBuffer(command.buffer, command.offset, command.byteLength);
    else encoder.copyBufferToBuffer(command.source, command.sourceOffset, command.destination, command.destinationOffset, command.byteLength);
  }
  pass?.end();
}
