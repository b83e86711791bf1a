/**
 * A model in onnxruntime-web's WebGPU backend, used as its page "Using the WebGPU Execution Provider" advises for speed:
 * inputs and outputs stay in GPU buffers, and the commands of a run are captured and replayed.
 */
import * as ort from 'onnxruntime-web/webgpu';
import type { Input } from '../../../src/verify/values.js';
import { OnnxGraph } from '../onnx/graph.js';
import type { PeerRun } from '../peer.js';

type Model = Uint8Array<ArrayBuffer>;

function createSession(device: GPUDevice, model: Model, enableGraphCapture: boolean): Promise<ort.InferenceSession> {
  return ort.InferenceSession.create(model, { executionProviders: [{ name: 'webgpu', device }], preferredOutputLocation: 'gpu-buffer', enableGraphCapture });
}

/** A tensor that lies on the device for as long as it is wanted. */
interface Resident {
  readonly tensor: ort.Tensor;
  destroy(): Promise<void>;
}

/**
 * A tensor on the device, as the output of a model that passes its input on. The library keeps its own outputs
 * registered, while it forgets buffers of its user's after each run, and a captured run (1.30.0) then finds them gone.
 */
async function resident(device: GPUDevice, { shape, data }: Input): Promise<Resident> {
  const graph = new OnnxGraph();
  graph.output('y', graph.input('x', shape), shape);
  const session = await createSession(device, graph.encode('identity'), false);
  const { y } = await session.run({ x: new ort.Tensor('float32', data, shape) });
  return {
    tensor: y,
    async destroy() {
      y.dispose();
      await session.release();
    },
  };
}

/** True when both hold the same bits. */
function sameBits(a: Float32Array, b: Float32Array): boolean {
  const [left, right] = [a, b].map(({ buffer, byteOffset, length }) => new Uint32Array(buffer, byteOffset, length));
  return left.length === right.length && left.every((bits, at) => bits === right[at]);
}

/** One model with its inputs and its output "y". */
export class SessionRun implements PeerRun {
  private first: Float32Array | null = null;
  private captureTried = false;

  private constructor(
    private readonly model: Model,
    private session: ort.InferenceSession,
    private readonly device: GPUDevice,
    private readonly inputs: ReadonlyMap<string, Resident>,
    private readonly output: Resident,
  ) {}

  /**
   * Loads a model and uploads its inputs.
   * @param shape of "y"
   */
  static async open(model: Model, inputs: Readonly<Record<string, Input>>, shape: readonly number[], device: GPUDevice): Promise<SessionRun> {
    const session = await createSession(device, model, false);
    const residents = new Map<string, Resident>();
    for (const [name, given] of Object.entries(inputs)) residents.set(name, await resident(device, given));
    const zeros = new Float32Array(shape.reduce((product, length) => product * length, 1));
    return new SessionRun(model, session, device, residents, await resident(device, { shape: [...shape], data: zeros }));
  }

  /** Runs the model; once its first result has been read, by captured commands where these give the same bits. */
  async run(): Promise<void> {
    if (this.first && !this.captureTried) await this.tryCapture(this.first);
    await this.runIn(this.session);
  }

  private async runIn(session: ort.InferenceSession): Promise<void> {
    const feeds = Object.fromEntries([...this.inputs].map(([name, { tensor }]) => [name, tensor]));
    await session.run(feeds, { y: this.output.tensor });
  }

  private async tryCapture(expected: Float32Array): Promise<void> {
    this.captureTried = true;
    let captured: ort.InferenceSession | null = null;
    try {
      captured = await createSession(this.device, this.model, true);
      // The first run is captured, the second one replayed.
      for (let at = 0; at < 2; at++) await this.runIn(captured);
      if (!sameBits(await this.readOutput(), expected)) throw new Error('the replay computes something else');
      await this.session.release();
      this.session = captured;
    } catch {
      // Not every model can be captured: this one goes on as before.
      await captured?.release();
    }
  }

  /** Resolves when the device has done everything submitted so far. */
  finish(): Promise<undefined> {
    return this.device.queue.onSubmittedWorkDone();
  }

  private async readOutput(): Promise<Float32Array> {
    const { device, output } = this;
    const buffer = output.tensor.gpuBuffer as GPUBuffer;
    const size = 4 * output.tensor.size;
    const staging = device.createBuffer({ size, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST });
    const encoder = device.createCommandEncoder();
    encoder.copyBufferToBuffer(buffer, 0, staging, 0, size);
    device.queue.submit([encoder.finish()]);
    await staging.mapAsync(GPUMapMode.READ);
    const values = new Float32Array(staging.getMappedRange().slice(0));
    staging.destroy();
    return values;
  }

  /**
   * The last result: f32, flat, of the shape given to `open`. The first one read is what captured commands must reproduce.
   */
  async read(): Promise<{ y: Float32Array }> {
    const y = await this.readOutput();
    this.first ??= y;
    return { y };
  }

  /** Gives session and buffers back, without waiting. */
  destroy(): void {
    const all = [this.session.release(), ...[...this.inputs.values(), this.output].map((tensor) => tensor.destroy())];
    // Nobody waits for it, and what cannot be given back now goes with the device.
    void Promise.allSettled(all);
  }
}
