/** Every launch of a case, for tests that look at kernels one by one: limits, races, mutations. */
import type { Engine, Tensor, TypedArray, Workgroups } from '../engine/index.js';
import type { VerifyCase } from './types.js';

/** One launch of a kernel, as the engine was told. */
export interface RecordedLaunch {
  /** The file below shaders/, without its ending. */
  readonly shader: string;
  /** WGSL after specialisation. */
  readonly source: string;
  readonly workgroups: Workgroups;
  /** The uniform block, or null for a kernel without one. */
  readonly uniform: ArrayBuffer | null;
  /** Contents of each binding before the launch, by the binding's name; what a kernel is to fill may hold anything. */
  readonly before: Readonly<Record<string, TypedArray>>;
}

/** Launches without the buffers' contents, in order. */
export async function listLaunches(engine: Engine, { run }: VerifyCase): Promise<Omit<RecordedLaunch, 'before'>[]> {
  const launches: Omit<RecordedLaunch, 'before'>[] = [];
  const stop = engine.observe({
    launch: ({ call, program, uniform }) => launches.push({ shader: call.shader, source: program.source, workgroups: call.workgroups, uniform }),
  });
  try {
    await engine.scope(() => run(engine));
  } finally {
    stop();
  }
  return launches;
}

/** Launches with the buffers' contents, in order. Tensors are copied on the device before each launch. */
export async function recordLaunches(engine: Engine, { run }: VerifyCase): Promise<RecordedLaunch[]> {
  return engine.scope(async () => {
    const launches: (Omit<RecordedLaunch, 'before'> & { copies: Record<string, Tensor> })[] = [];
    const stop = engine.observe({
      launch: ({ call, program, uniform }) => {
        const copies: Record<string, Tensor> = {};
        for (const [name, tensor] of Object.entries(call.tensors)) {
          copies[name] = engine.empty(tensor.shape, tensor.dtype);
          engine.copy(tensor, copies[name]);
        }
        launches.push({ shader: call.shader, source: program.source, workgroups: call.workgroups, uniform, copies });
      },
    });
    try {
      await run(engine);
    } finally {
      stop();
    }
    const recorded: RecordedLaunch[] = [];
    for (const { copies, ...launch } of launches) {
      const before: Record<string, TypedArray> = {};
      for (const [name, copy] of Object.entries(copies)) before[name] = await engine.read(copy);
      recorded.push({ ...launch, before });
    }
    return recorded;
  });
}
