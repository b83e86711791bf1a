/** A captured step's commands in a form that any command encoder can repeat. */
import type { CapturedStep, Engine } from '../engine/index.js';
import { encode, makeReady, type ReadyCommand } from '../engine/encode.js';

const UNIFORM_ALIGNMENT = 256;

/** Commands that are encoded in one go: enough that beginning a pass costs nothing beside them. */
const BLOCK_COMMANDS = 64;

/** Made after the step is prepared; holds nothing of the step but its buffers. */
export class Replay {
  /** The commands of one repeat. */
  readonly ready: readonly ReadyCommand[];
  private readonly block: readonly ReadyCommand[];
  private readonly blockRepeats: number;
  private readonly uniforms: GPUBuffer | null;

  private readonly device: GPUDevice;
  /** The end of each submission of one repeat. */
  private readonly submissions: readonly number[];

  constructor(
    { device }: Engine,
    { commands, submissions, name }: Pick<CapturedStep<unknown>, 'commands' | 'submissions' | 'name'>,
    /** What is replayed, for messages and tests. */
    readonly label: string = name,
  ) {
    this.device = device;
    this.submissions = submissions;
    const blocks = commands.map((command) => (command.kind === 'dispatch' ? command.uniform : null));
    this.uniforms = blocks.some((block) => block)
      ? device.createBuffer({ size: blocks.length * UNIFORM_ALIGNMENT, usage: GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST, label: `${label} parameters` })
      : null;
    this.ready = commands.map((command, index) => {
      const block = blocks[index];
      if (!block || !this.uniforms) return makeReady(device, command, null);
      device.queue.writeBuffer(this.uniforms, index * UNIFORM_ALIGNMENT, block);
      return makeReady(device, command, { buffer: this.uniforms, offset: index * UNIFORM_ALIGNMENT, size: block.byteLength });
    });
    this.blockRepeats = Math.max(1, Math.floor(BLOCK_COMMANDS / Math.max(1, commands.length)));
    this.block = Array.from({ length: this.blockRepeats }, () => this.ready).flat();
  }

  /** Writes `repeats` repeats into an encoder. */
  encode(encoder: GPUCommandEncoder, repeats: number): void {
    for (let done = 0; done < repeats; done += this.blockRepeats) {
      const now = Math.min(this.blockRepeats, repeats - done);
      encode(encoder, this.block, 0, now * this.ready.length);
    }
  }

  /**
   * One repeat in submissions of the step's own length, for a step too long for one.
   * @param encoder what it begins with
   * @returns the encoder of the last one, not submitted yet
   */
  submitParts(encoder: GPUCommandEncoder): GPUCommandEncoder {
    let current = encoder;
    this.submissions.forEach((end, index) => {
      if (index > 0) {
        this.device.queue.submit([current.finish()]);
        current = this.device.createCommandEncoder();
      }
      encode(current, this.ready, index === 0 ? 0 : this.submissions[index - 1], end);
    });
    return current;
  }

  /** Gives the parameters' memory back; the step keeps its own. */
  destroy(): void {
    this.uniforms?.destroy();
  }
}
