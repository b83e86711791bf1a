/** How long each launch of a step takes, by timestamps. */
import type { Command } from './commands.js';
import { encode, type ReadyCommand } from './encode.js';
import { DeviceError } from './errors.js';

/** Time that one launch took in a profiled replay. */
export interface ProfileEntry {
  readonly label: string;
  readonly shader: string;
  readonly nanoseconds: number;
  readonly flops: number;
  readonly bytes: number;
}

/** WebGPU's limit of a query set. */
const QUERIES_PER_SET = 4096;

/**
 * Runs the commands once, each launch in a pass of its own, and takes the time from the end of one pass to the end of
 * the next. The beginning of a pass is no use: drivers write its timestamp when they reach the pass (in Vulkan at the top
 * of the pipe), which may be long before the launches ahead of it have drained, and each launch would be charged for
 * them again. At the end of a pass all work before it is done, so the differences add up to the whole; a copy or clear
 * counts with the launch after it. Only the first launch starts from its own beginning, on an idle queue.
 * @param ready what `commands` became, in the same order
 * @throws {DeviceError} when the device has no timestamp queries
 */
export async function profileCommands(device: GPUDevice, commands: readonly Command[], ready: readonly ReadyCommand[]): Promise<ProfileEntry[]> {
  if (!device.features.has('timestamp-query')) throw new DeviceError('This device has no timestamp queries; a profile needs them.');
  const calls = commands.flatMap((command) => (command.kind === 'dispatch' ? [command.call] : []));
  if (calls.length === 0) return [];
  const count = calls.length + 1;
  const sets = Array.from({ length: Math.ceil(count / QUERIES_PER_SET) }, (_, index) =>
    device.createQuerySet({ type: 'timestamp', count: Math.min(QUERIES_PER_SET, count - index * QUERIES_PER_SET) }),
  );
  const byteLength = count * 8;
  const resolved = device.createBuffer({ size: byteLength, usage: GPUBufferUsage.QUERY_RESOLVE | GPUBufferUsage.COPY_SRC });
  const staging = device.createBuffer({ size: byteLength, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST });
  await device.queue.onSubmittedWorkDone();
  const encoder = device.createCommandEncoder();
  let query = 0;
  for (const command of ready) {
    if (command.kind !== 'dispatch') {
      encode(encoder, [command], 0, 1);
      continue;
    }
    const beginning = query === 0 ? { beginningOfPassWriteIndex: query++ } : {};
    const querySet = sets[Math.floor(query / QUERIES_PER_SET)];
    const pass = encoder.beginComputePass({ timestampWrites: { querySet, ...beginning, endOfPassWriteIndex: query++ % QUERIES_PER_SET } });
    pass.setPipeline(command.pipeline);
    pass.setBindGroup(0, command.bindGroup);
    pass.dispatchWorkgroups(command.x, command.y, command.z);
    pass.end();
  }
  sets.forEach((set, index) => encoder.resolveQuerySet(set, 0, set.count, resolved, index * QUERIES_PER_SET * 8));
  encoder.copyBufferToBuffer(resolved, 0, staging, 0, byteLength);
  device.queue.submit([encoder.finish()]);
  await staging.mapAsync(GPUMapMode.READ);
  const ticks = new BigInt64Array(staging.getMappedRange().slice(0));
  for (const item of [staging, resolved, ...sets]) item.destroy();
  return calls.map((call, index) => ({
    label: call.label ?? call.shader,
    shader: call.shader,
    // Timestamps may run backwards by a step of their clock.
    nanoseconds: Math.max(0, Number(ticks[index + 1] - ticks[index])),
    flops: call.flops ?? 0,
    bytes: call.bytes ?? 0,
  }));
}
