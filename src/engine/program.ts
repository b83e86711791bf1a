/** Compiled kernels: one program per shader file and set of constants, with its pipeline and layouts. */
import type { Workgroups } from './commands.js';
import { KernelError } from './errors.js';
import { reflect, type Reflection } from './reflection.js';
import { specialize, type Constants } from './specialize.js';
import { formatShape, type Tensor } from './tensor.js';

/** Gives the WGSL source of a shader by its name, for example "matmul/matmul_tiled". */
export type ShaderSources = Readonly<Record<string, string>>;

/**
 * A kernel specialised by its constants: its source, what the source declares, its layout and, once compiled, its pipeline.
 * It checks calls against the declarations, so that what does not fit is refused in words before the device sees it.
 */
export class Program {
  readonly source: string;
  readonly reflection: Reflection;
  readonly bindGroupLayout: GPUBindGroupLayout;
  private readonly pipelineLayout: GPUPipelineLayout;
  private compiled: GPUComputePipeline | null = null;
  private compiling: Promise<GPUComputePipeline> | null = null;

  /** @throws {KernelError} when a constant is unknown or of another type, or the source declares what cannot be bound */
  constructor(
    private readonly device: GPUDevice,
    readonly name: string,
    source: string,
    constants: Constants | undefined,
  ) {
    this.source = specialize(name, source, constants);
    this.reflection = reflect(name, this.source);
    const entries: GPUBindGroupLayoutEntry[] = this.reflection.storages.map(({ binding, writable }) => ({
      binding,
      visibility: GPUShaderStage.COMPUTE,
      buffer: { type: writable ? 'storage' : 'read-only-storage' },
    }));
    if (this.reflection.uniform) {
      entries.push({ binding: this.reflection.uniform.binding, visibility: GPUShaderStage.COMPUTE, buffer: { type: 'uniform' } });
    }
    this.bindGroupLayout = device.createBindGroupLayout({ label: name, entries });
    this.pipelineLayout = device.createPipelineLayout({ bindGroupLayouts: [this.bindGroupLayout] });
  }

  private descriptor(): GPUComputePipelineDescriptor {
    return {
      label: this.name,
      layout: this.pipelineLayout,
      compute: { module: this.device.createShaderModule({ label: this.name, code: this.source }), entryPoint: 'main' },
    };
  }

  /** The pipeline, compiled now if it has to be. */
  pipeline(): GPUComputePipeline {
    this.compiled ??= this.device.createComputePipeline(this.descriptor());
    return this.compiled;
  }

  /**
   * Compiles without blocking; many programs compile in parallel.
   * @throws {KernelError} with the compiler's words when it does not compile
   */
  async compile(): Promise<void> {
    if (this.compiled) return;
    this.compiling ??= this.device.createComputePipelineAsync(this.descriptor());
    try {
      this.compiled = await this.compiling;
    } catch (error) {
      throw new KernelError(this.name, `does not compile: ${error instanceof Error ? error.message : String(error)}`);
    }
  }

  /**
   * The uniform block for these parameters.
   * @throws {KernelError} when a member is missing, unknown or of another type.
   */
  packParams(params: Readonly<Record<string, number>> = {}): ArrayBuffer | null {
    const { uniform } = this.reflection;
    const names = uniform?.members.map((member) => member.name) ?? [];
    const unknown = Object.keys(params).filter((name) => !names.includes(name));
    const missing = names.filter((name) => !(name in params));
    if (unknown.length + missing.length > 0) {
      throw new KernelError(
        this.name,
        `takes the parameters ${names.join(', ') || '(none)'}` +
          (missing.length > 0 ? `; missing ${missing.join(', ')}` : '') +
          (unknown.length > 0 ? `; unknown ${unknown.join(', ')}` : '') +
          '.',
      );
    }
    if (!uniform) return null;
    const block = new DataView(new ArrayBuffer(uniform.byteLength));
    for (const { name, offset, type } of uniform.members) {
      const value = params[name];
      if (!Number.isFinite(value) || (type !== 'f32' && !Number.isInteger(value)) || (type === 'u32' && value < 0)) {
        throw new KernelError(this.name, `parameter ${name} is ${type}, given ${value}.`);
      }
      if (type === 'f32') block.setFloat32(offset, value, true);
      else if (type === 'u32') block.setUint32(offset, value, true);
      else block.setInt32(offset, value, true);
    }
    return block.buffer;
  }

  /**
   * Checks the tensors of a call against the declared bindings.
   * @throws {KernelError} naming the binding, what was expected and what was given.
   */
  checkTensors(tensors: Readonly<Record<string, Tensor>>): void {
    const { storages } = this.reflection;
    for (const name of Object.keys(tensors)) {
      if (!storages.some((storage) => storage.name === name)) {
        throw new KernelError(this.name, `has no binding ${name}; it has ${storages.map((storage) => storage.name).join(', ')}.`);
      }
    }
    for (const { name, dtype, writable } of storages) {
      const tensor = tensors[name];
      if (!tensor) throw new KernelError(this.name, `binding ${name} was given no tensor.`);
      if (tensor.dtype !== dtype) {
        throw new KernelError(this.name, `binding ${name} holds ${dtype}, given ${tensor.dtype} ${formatShape(tensor.shape)}.`);
      }
      if (tensor.storage.freed) {
        throw new KernelError(this.name, `binding ${name} was given a tensor ${formatShape(tensor.shape)} whose scope has ended.`);
      }
      if (!writable) continue;
      for (const other of storages) {
        const { [other.name]: second } = tensors;
        if (other.name === name || second?.storage !== tensor.storage) continue;
        // Two parts of one buffer may both be written, as those of an arena are; reading one beside it may not be.
        const overlap = second.byteOffset < tensor.byteOffset + tensor.byteLength && tensor.byteOffset < second.byteOffset + second.byteLength;
        if (!other.writable || overlap) {
          throw new KernelError(this.name, `bindings ${name} and ${other.name} share one storage, and ${name} is written.`);
        }
      }
    }
  }

  /**
   * Checks the workgroup counts of a call.
   * @throws {KernelError} unless each is a positive integer that the device allows.
   */
  checkWorkgroups(workgroups: Workgroups): void {
    const limit = this.device.limits.maxComputeWorkgroupsPerDimension;
    for (const count of workgroups) {
      if (count !== undefined && (!Number.isInteger(count) || count < 1 || count > limit)) {
        throw new KernelError(this.name, `cannot be launched with ${workgroups.join(' x ')} workgroups; each count must be 1 to ${limit}.`);
      }
    }
  }

  /**
   * Bind-group entries for tensors whose buffers exist.
   * @throws {KernelError} for a tensor without a buffer: one of a captured step, used outside it
   */
  bindGroupEntries(tensors: Readonly<Record<string, Tensor>>, uniform: GPUBufferBinding | null): GPUBindGroupEntry[] {
    const entries: GPUBindGroupEntry[] = this.reflection.storages.map(({ name, binding }) => {
      const { storage, byteOffset, byteLength } = tensors[name];
      if (!storage.buffer) {
        throw new KernelError(this.name, `binding ${name} was given a tensor of a captured step that holds no memory outside it.`);
      }
      // Whole 16-byte units, so that array<vec4<f32>> views see their last element.
      return { binding, resource: { buffer: storage.buffer, offset: storage.bufferOffset + byteOffset, size: Math.ceil(byteLength / 16) * 16 } };
    });
    if (this.reflection.uniform && uniform) entries.push({ binding: this.reflection.uniform.binding, resource: uniform });
    return entries;
  }
}

/** Programs by shader name and constants. */
export class ProgramCache {
  private readonly programs = new Map<string, Program>();

  constructor(
    private readonly device: GPUDevice,
    private readonly sources: ShaderSources,
  ) {}

  /** @throws {KernelError} for a shader that there is no file for. */
  get(shader: string, constants?: Constants): Program {
    const key = constants ? `${shader} ${JSON.stringify(constants)}` : shader;
    const known = this.programs.get(key);
    if (known) return known;
    const source = this.sources[shader];
    if (source === undefined) throw new KernelError(shader, 'there is no shader file of this name.');
    const program = new Program(this.device, shader, source, constants);
    this.programs.set(key, program);
    return program;
  }
}
