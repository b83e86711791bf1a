/**
 * The engine: tensors, kernel launches, the tape and captured steps on one WebGPU device.
 * It knows no kernel: kernel modules describe launches, the engine checks and runs or records them.
 */
import { BufferPool, type MemoryCounters } from './buffers.js';
import { CapturedStep } from './captured-step.js';
import type { Executor, KernelCall } from './commands.js';
import { requestDevice, type AdapterDescription } from './device.js';
import { DeviceWatch } from './device-watch.js';
import { Differentiation } from './differentiation.js';
import { bytesOf, bytesPerElement, dtypeOf, typedArrayOf, type DType, type TypedArray } from './dtype.js';
import { EagerExecutor } from './eager.js';
import { DeviceError, KernelError, ShapeError } from './errors.js';
import { tapeActions, type EngineOptions } from './options.js';
import type { Work, WorkKind } from './postponed.js';
import { ProgramCache } from './program.js';
import { Readback } from './readback.js';
import { Recorder, type Joined } from './recorder.js';
import { Scopes, tensorsIn } from './scopes.js';
import { submissionLimits } from './submissions.js';
import { formatShape, sizeOf, Tensor } from './tensor.js';
import { Tape, type Backward } from './tape.js';
import { VariantChoices, type EngineObserver, type TunedLookup } from './variants.js';

/** Bytes that one write from the CPU hands over at once: 64 MiB. */
const WRITE_BYTES = 2 ** 26;

/**
 * One WebGPU device with everything that runs on it: its memory, compiled kernels, tape, captured steps and choices of kernel
 * variants. Work is queued in the order of the calls and never waited for, except by `read` and `finish`.
 *
 * Tensors belong to the innermost `scope` and end with it; those made outside of any last as long as the engine. Errors that
 * the device finds later come as {@link DeviceError} from the next `read`, `finish` or `checkDevice`; calls that do not fit a
 * kernel or each other are refused at once with {@link KernelError} or {@link ShapeError}.
 */
export class Engine {
  private readonly pool: BufferPool;
  private readonly programs: ProgramCache;
  private readonly eager: EagerExecutor;
  private executor: Executor;
  private readonly scopes: Scopes;
  private readonly differentiation = new Differentiation();
  private readonly readback: Readback;
  private readonly watch: DeviceWatch;
  private readonly variants: VariantChoices;
  private readonly observers = new Set<EngineObserver>();

  private constructor(
    readonly device: GPUDevice,
    readonly info: AdapterDescription,
    private readonly options: EngineOptions,
  ) {
    this.watch = new DeviceWatch(device);
    this.pool = new BufferPool(device);
    this.programs = new ProgramCache(device, options.shaderSources);
    this.scopes = new Scopes(this.pool);
    this.eager = new EagerExecutor(device, this.pool, (storage) => this.scopes.add(storage));
    this.executor = this.eager;
    this.readback = new Readback(device, () => this.checkDevice());
    this.variants = new VariantChoices(options.variants, options.tuned);
  }

  /** @throws {DeviceError} when the adapter gives no device. */
  static async create(options: EngineOptions): Promise<Engine> {
    const { device, info } = await requestDevice(options.adapter, options);
    return new Engine(device, info, options);
  }

  /** Buffers and bytes alive on the device; both return to zero when every scope and step has ended. */
  get memory(): Readonly<MemoryCounters> {
    return this.pool.live;
  }

  /** @throws {DeviceError} what went wrong on the device since the start, if anything did. */
  checkDevice(): void {
    this.watch.check();
  }

  // Tensors

  /** A tensor with undefined contents; virtual while a step is being captured. */
  empty(shape: readonly number[], dtype: DType = 'f32', label = 'tensor'): Tensor {
    return this.executor.empty(shape, dtype, label);
  }

  /** A tensor filled with zeros (by a command, so that a captured step clears it in every replay). */
  zeros(shape: readonly number[], dtype: DType = 'f32', label = 'zeros'): Tensor {
    const tensor = this.empty(shape, dtype, label);
    this.clear(tensor);
    return tensor;
  }

  /**
   * Uploads data; numbers of an f16 tensor are rounded to the nearest f16. Inside a capture this makes a constant of the step: uploaded now, once.
   * @throws {ShapeError} when the number of elements is not that of the shape.
   */
  tensor(data: TypedArray | readonly number[], shape: readonly number[], dtype: DType = dtypeOf(data), label = 'tensor'): Tensor {
    const tensor = this.eager.empty(shape, dtype, label);
    this.write(tensor, data);
    return tensor;
  }

  /**
   * Overwrites a tensor's contents from the CPU, in queue order.
   * @throws {ShapeError} when the number of elements is not the tensor's, or its scope has ended or it is virtual
   */
  write(tensor: Tensor, data: TypedArray | readonly number[]): void {
    if (data.length !== tensor.size) {
      throw new ShapeError(`A tensor of shape ${formatShape(tensor.shape)} takes ${tensor.size} elements, given ${data.length}.`);
    }
    const { buffer } = tensor.storage;
    if (!buffer) throw new ShapeError(`The tensor ${formatShape(tensor.shape)} holds no memory that could be written.`);
    this.eager.flush();
    const bytes = bytesOf(tensor.dtype, data);
    const offset = tensor.storage.bufferOffset + tensor.byteOffset;
    // In pieces: each passes through staging memory of its own size.
    const most = WRITE_BYTES / bytes.BYTES_PER_ELEMENT;
    for (let at = 0; at < bytes.length; at += most) {
      this.device.queue.writeBuffer(buffer, offset + at * bytes.BYTES_PER_ELEMENT, bytes, at, Math.min(most, bytes.length - at));
    }
  }

  /**
   * Copies a tensor to the CPU, after everything submitted so far; elements of f16 come as f32 numbers.
   * @throws {DeviceError} when the device failed before.
   * @throws {ShapeError} when its scope has ended, or it is no output of its captured step
   */
  async read(tensor: Tensor): Promise<TypedArray> {
    const { buffer, freed } = tensor.storage;
    if (!buffer || freed) {
      throw new ShapeError(
        `The tensor ${formatShape(tensor.shape)} holds no memory: its scope has ended, or it is no output of its captured step.`,
      );
    }
    this.eager.flush();
    this.checkDevice();
    const bytes = await this.readback.bytes(buffer, tensor.storage.bufferOffset + tensor.byteOffset, tensor.byteLength);
    const data = typedArrayOf(tensor.dtype, bytes, tensor.size);
    this.checkDevice();
    return data;
  }

  /**
   * The same elements under another shape; differentiable.
   * @throws {ShapeError} when the number of elements differs
   */
  reshape(x: Tensor, shape: readonly number[]): Tensor {
    if (sizeOf(shape) !== x.size) {
      throw new ShapeError(`A tensor of shape ${formatShape(x.shape)} cannot be seen as ${formatShape(shape)}.`);
    }
    const view = new Tensor(x.storage, shape, x.dtype, x.byteOffset);
    this.record('reshape', [x], [view], (context) => {
      const gradient = context.gradient(0);
      context.set(0, new Tensor(gradient.storage, x.shape, gradient.dtype, gradient.byteOffset));
    });
    return view;
  }

  /**
   * A view of `shape` that starts `elementOffset` elements into `x`. Not on the tape: gradients do not flow through it.
   * @throws {ShapeError} when it does not fit, or does not start at a multiple of 256 bytes (64 elements, 128 of f16).
   */
  view(x: Tensor, elementOffset: number, shape: readonly number[]): Tensor {
    return new Tensor(x.storage, shape, x.dtype, x.byteOffset + elementOffset * bytesPerElement(x.dtype));
  }

  /**
   * Rows [start, start + count) of the first dimension, as a view. Not on the tape.
   * @throws {ShapeError} when the rows are not there, or do not start at a multiple of 256 bytes.
   */
  slice(x: Tensor, start: number, count: number): Tensor {
    if (start < 0 || count < 1 || start + count > x.shape[0]) {
      throw new ShapeError(`Rows ${start} to ${start + count - 1} are not in a tensor of shape ${formatShape(x.shape)}.`);
    }
    return this.view(x, start * (x.size / x.shape[0]), [count, ...x.shape.slice(1)]);
  }

  // Commands

  /**
   * Launches a kernel: now, or when the step that is being captured is replayed.
   * @throws {KernelError} when bindings, dtypes, parameters or workgroup counts do not fit the kernel.
   */
  dispatch(call: KernelCall): void {
    const program = this.programs.get(call.shader, call.constants);
    program.checkTensors(call.tensors);
    program.checkWorkgroups(call.workgroups);
    const command = { kind: 'dispatch', call, program, uniform: program.packParams(call.params) } as const;
    for (const observer of this.observers) observer.launch?.(command);
    this.executor.run(command);
  }

  /** Fills a tensor with zero bytes. */
  clear(tensor: Tensor): void {
    this.executor.run({ kind: 'clear', tensor });
  }

  /**
   * Copies all elements of one tensor to another of the same size and dtype in another storage.
   * @throws {ShapeError} when size or dtype differ
   */
  copy(source: Tensor, destination: Tensor): void {
    if (source.size !== destination.size || source.dtype !== destination.dtype) {
      throw new ShapeError(
        `Cannot copy ${source.dtype} ${formatShape(source.shape)} to ${destination.dtype} ${formatShape(destination.shape)}.`,
      );
    }
    this.executor.run({ kind: 'copy', source, destination });
  }

  /**
   * In a captured step, lets a piece of work wait until a command needs what it writes, or the step ends: pieces of a kind
   * that have gathered until then run together. Eagerly it runs at once.
   */
  postpone<W extends Work>(kind: WorkKind<W>, work: W): void {
    if (this.executor instanceof Recorder) this.executor.postponed.add(this, kind, work);
    else kind.run(this, [work]);
  }

  /** True for an f32 tensor of the step that is being captured whose storage can become a part of another. */
  canJoin(tensor: Tensor): boolean {
    return this.executor instanceof Recorder && this.executor.canJoin(tensor);
  }

  /**
   * In a captured step, puts tensors side by side in one storage, so that one binding of a kernel reaches all of them. No
   * launch may read one of them and write another.
   * @param tensors that `canJoin` says yes to
   * @throws {KernelError} for any other
   */
  join(tensors: readonly Tensor[], label: string): Joined {
    if (!(this.executor instanceof Recorder)) throw new KernelError(label, 'joins tensors of a step that is being captured; none is.');
    return this.executor.join(tensors, label);
  }

  // Variants

  /**
   * Which variant of a kernel family runs: the forced one, or else the measured one (`useTuned`), or else what the
   * family's rule says. Kernel modules ask once per problem, with the name that src/kernels/variants.ts lists them under.
   * @param candidates the variants that take this problem on this device
   * @param problem what decides which of them is fastest, as src/kernels/problem-key.ts writes it
   * @throws {KernelError} when the forced variant is none of them
   */
  choose<Variant extends string>(family: string, candidates: readonly Variant[], byRule: Variant, problem = ''): Variant {
    const chosen = this.variants.choose(family, candidates, byRule, problem);
    for (const observer of this.observers) observer.choice?.(family, candidates, chosen, { problem, byRule });
    return chosen;
  }

  /** Measured winners for all that is launched or captured from now on; null leaves everything to the rules. */
  useTuned(tuned: TunedLookup | null): void {
    this.variants.tuned = tuned;
  }

  /** Forces a family's variant for all that is launched or captured from now on; null gives the choice back to its rule. */
  force(family: string, variant: string | null): void {
    this.variants.force(family, variant);
  }

  /**
   * Tells an observer of every choice and every launch until the returned function is called.
   * Replays of a captured step launch nothing new, so they are not told.
   */
  observe(observer: EngineObserver): () => void {
    this.observers.add(observer);
    return () => this.observers.delete(observer);
  }

  // Differentiation

  /** Puts an op on the current tape; does nothing without a tape or when no input needs a gradient. */
  record(name: string, inputs: readonly Tensor[], outputs: readonly Tensor[], backward: Backward): void {
    this.differentiation.tape?.record(name, inputs, outputs, backward);
  }

  /** True when an op on these inputs will be differentiated: what only its backward pass needs is worth keeping. */
  differentiates(inputs: readonly Tensor[]): boolean {
    const { tape } = this.differentiation;
    return tape !== null && tape.keeps && inputs.some((input) => tape.tracks(input));
  }

  /**
   * Activation checkpointing (Chen et al. 2016, "Training deep nets with sublinear memory cost"): computes `body` without
   * keeping what its backward pass needs, and computes it again when the backward pass gets there. In a captured step the
   * memory of what `body` computes in between is free in the meantime; eagerly it belongs to the surrounding scope as ever.
   * Gradients flow to every tensor that `body` reads, parameters included, and are the same to the last bit: the same
   * kernels run in the same order, and random draws are functions of (seed, step, op).
   * @param body runs twice with the same results, and is synchronous; ops that change state look at `recomputing`
   */
  checkpoint<T>(body: () => T): T {
    return this.differentiation.checkpoint(body);
  }

  /** True while a checkpointed part runs again: what it changes besides its results has been changed already. */
  get recomputing(): boolean {
    return this.differentiation.recomputing;
  }

  /** Runs `body` with a new tape: what it computes can be differentiated until it returns. */
  withTape<T>(body: (tape: Tape) => T): T {
    const tape = new Tape(tapeActions(this, this.options.tapeKernels));
    return this.differentiation.under(tape, () => body(tape));
  }

  /** Runs `body` without a tape: nothing in it is differentiated. */
  noGrad<T>(body: () => T): T {
    return this.differentiation.under(null, body);
  }

  // Memory

  /**
   * Runs `body` and frees every tensor made in it except those it returns (alone, in arrays or in plain objects).
   * Scopes nest; an async body must end before another scope of the same engine begins.
   */
  scope<T>(body: () => T): T {
    return this.scopes.run(body);
  }

  /**
   * Traces `body` into a step that can be replayed. Tensors made inside are virtual and share planned memory;
   * those that `body` returns can be read after a replay; tensors made before are used where they are.
   * Call `prepare()` on the result before the first replay.
   * @throws {DeviceError} inside another capture
   */
  capture<Outputs>(name: string, body: () => Outputs): CapturedStep<Outputs> {
    if (this.executor !== this.eager) throw new DeviceError(`Step ${name} cannot be captured while another one is.`);
    const recorder = new Recorder();
    const constants = this.scopes.open();
    this.executor = recorder;
    try {
      const outputs = body();
      recorder.postponed.settleAll();
      const kept = new Set(tensorsIn(outputs).map((tensor) => tensor.storage));
      return new CapturedStep(name, outputs, this.device, this.pool, () => this.eager.flush(), recorder, kept, [...constants], submissionLimits(this.info.software));
    } catch (error) {
      for (const storage of constants) this.scopes.release(storage);
      throw error;
    } finally {
      this.executor = this.eager;
      this.scopes.leave();
    }
  }

  /**
   * Waits until everything submitted so far has run.
   * @throws {DeviceError} what went wrong on the device since the start, if anything did
   */
  async finish(): Promise<void> {
    this.eager.flush();
    await this.device.queue.onSubmittedWorkDone();
    this.checkDevice();
  }

  /** Frees everything and destroys the device. */
  destroy(): void {
    this.watch.end();
    this.eager.destroy();
    this.scopes.end();
    this.pool.trim();
    this.readback.destroy();
    this.device.destroy();
  }
}
