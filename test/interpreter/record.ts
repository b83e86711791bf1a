/** Launches of kernels with all that they read and wrote on the device, to be run again in the interpreter. */
import { halfBits, type Engine, type KernelCall, type Tensor } from '../../src/engine/index.js';
import type { DispatchCommand } from '../../src/engine/commands.js';
import type { Reflection } from '../../src/engine/reflection.js';
import { VARIANT_FAMILIES } from '../../src/kernels/variants.js';

/** One launch. */
export interface Launch {
  /** The file below shaders/, without its ending. */
  readonly shader: string;
  /** What the launch shows in messages: shader, constants and the case it comes from. */
  readonly name: string;
  /** WGSL after specialisation. */
  readonly source: string;
  readonly reflection: Reflection;
  readonly workgroups: readonly [number, number, number];
  readonly uniform: ArrayBuffer | null;
  /** Bytes of each storage binding before and after the launch, by the binding's name, in whole 16-byte units as the engine binds them. */
  readonly before: Readonly<Record<string, ArrayBuffer>>;
  readonly after: Readonly<Record<string, ArrayBuffer>>;
}

/** Something that launches kernels on small inputs. */
export interface RaceCase {
  readonly name: string;
  /** Variants that are not forced here: what this case would show of them, it or another shows with others. */
  readonly without?: readonly string[];
  run(engine: Engine): unknown;
}

/** The tensor's elements with whatever fills its last 16 bytes. */
async function bytesOf(engine: Engine, tensor: Tensor): Promise<ArrayBuffer> {
  const read = await engine.read(tensor);
  const values = tensor.dtype === 'f16' ? halfBits(read) : read;
  const bytes = new Uint8Array(Math.ceil(values.byteLength / 16) * 16);
  bytes.set(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
  return bytes.buffer;
}

/** Every launch of `body`, in order, with the contents of its tensors before and after. */
async function recordLaunches(engine: Engine, { name, run }: RaceCase): Promise<Launch[]> {
  const taken: { command: DispatchCommand; before: Record<string, Tensor>; after: Record<string, Tensor> }[] = [];
  const copyAll = (call: KernelCall): Record<string, Tensor> =>
    Object.fromEntries(
      Object.entries(call.tensors).map(([binding, tensor]) => {
        const copy = engine.zeros(tensor.shape, tensor.dtype);
        engine.copy(tensor, copy);
        return [binding, copy];
      }),
    );
  let current: DispatchCommand | null = null;
  const stop = engine.observe({ launch: (command) => (current = command) });
  // The same engine, except that each launch is framed by copies.
  const framed = Object.create(engine, {
    dispatch: {
      value(call: KernelCall) {
        const before = copyAll(call);
        engine.dispatch(call);
        taken.push({ command: current as DispatchCommand, before, after: copyAll(call) });
      },
    },
  }) as Engine;
  return engine.scope(async () => {
    try {
      await run(framed);
    } finally {
      stop();
    }
    // All at once: a wait for the device costs more than what is waited for.
    const read = async (tensors: Record<string, Tensor>) => {
      const entries = Object.entries(tensors).map(async ([binding, tensor]) => [binding, await bytesOf(engine, tensor)] as const);
      return Object.fromEntries(await Promise.all(entries));
    };
    return Promise.all(
      taken.map(async ({ command: { call, program, uniform }, before, after }): Promise<Launch> => {
        const [x, y = 1, z = 1] = call.workgroups;
        return {
          shader: call.shader,
          name: `${call.shader} ${JSON.stringify(call.constants ?? {})} of ${name}`,
          source: program.source,
          reflection: program.reflection,
          workgroups: [x, y, z],
          uniform,
          before: await read(before),
          after: await read(after),
        };
      }),
    );
  });
}

/** Families that a run asks for, each with its variants that need no optional feature and take the problem. */
async function choicesOf(body: () => Promise<unknown>, engine: Engine): Promise<Map<string, Set<string>>> {
  const offered = new Map<string, Set<string>>();
  const stop = engine.observe({
    choice(family, candidates) {
      const { variants } = VARIANT_FAMILIES[family];
      const usable = new Set(candidates.filter((candidate) => variants[candidate].length === 0));
      const known = offered.get(family);
      // One run may hold several problems; only what takes all of them can be forced on all of them.
      offered.set(family, known ? new Set([...known].filter((variant) => usable.has(variant))) : usable);
    },
  });
  try {
    await body();
  } finally {
    stop();
  }
  return offered;
}

/**
 * The launches of every base variant that the cases reach: each case is run as the rules choose and with every variant
 * of every family, also of families that only a forced variant asks for. Of launches with the same source, geometry
 * and tensor sizes (the iterations of a solver) the first is kept.
 */
export async function launchesOf(engine: Engine, cases: readonly RaceCase[]): Promise<Launch[]> {
  const kept = new Map<string, Launch>();
  for (const each of cases) {
    const seen = new Set<string>();
    const waiting: Readonly<Record<string, string>>[] = [{}];
    for (let forced = waiting.shift(); forced; forced = waiting.shift()) {
      for (const [family, variant] of Object.entries(forced)) engine.force(family, variant);
      let launches: Launch[] = [];
      const choices = await choicesOf(async () => (launches = await recordLaunches(engine, each)), engine);
      for (const family of Object.keys(forced)) engine.force(family, null);
      for (const launch of launches) {
        // Not a base variant: chosen by a rule while another family was forced.
        if (/^enable /m.test(launch.source)) continue;
        const sizes = Object.values(launch.before).map((bytes) => bytes.byteLength);
        const key = `${launch.workgroups.join()} ${sizes.join()} ${launch.source}`;
        if (!kept.has(key)) kept.set(key, launch);
      }
      for (const [family, variants] of choices) {
        if (seen.has(family)) continue;
        seen.add(family);
        for (const variant of variants) if (!each.without?.includes(variant)) waiting.push({ ...forced, [family]: variant });
      }
    }
  }
  return [...kept.values()];
}
