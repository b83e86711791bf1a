/**
 * What a library must offer to be measured beside Zygo. The same code runs in Node and in Chrome: a peer takes its
 * device from `navigator.gpu`, which in Node bench/node/peer-environment.ts provides.
 */
import type { Input } from '../../src/verify/values.js';
import type { ClassifierConfig } from '../../src/model/classifier/index.js';
import type { PeerName } from './names.js';

/** Ops of one output "y", as bench/suites/ops.ts and bench/suites/sinkhorn.ts define them. */
export const PEER_OPS = ['matmul', 'linear', 'layerNorm', 'softmax', 'windowAttention', 'sinkhorn'] as const;

/** The name of an op that other libraries are asked for. */
export type PeerOp = (typeof PEER_OPS)[number];

/** The form of an op that a library computes in one way only. */
export const AS_DOCUMENTED = 'as documented';

/** The form of Sinkhorn that iterates scalings u, v of the matrix exp(−C / ε), as Zygo does. */
export const SCALING = 'scaling form';

/** The form of Sinkhorn that iterates potentials f, g by log-sum-exp. */
export const LOG_DOMAIN = 'log domain';

/** The ways in which a library computes an op, by the names that the rows show; the first is the one that is advised. */
export type Forms<T> = Readonly<Record<string, (task: OpTask) => T>>;

/** The forms of an op that is computed in one way only. */
export const only = <T>(build: (task: OpTask) => T): Forms<T> => ({ [AS_DOCUMENTED]: build });

/**
 * One op on fixed inputs, float32, row-major:
 * - matmul: a [m, k], b [k, n]
 * - linear: x [tokens, k], weight [n, k], bias [n]; y = gelu(x Wᵀ + bias), exact GELU
 * - layerNorm: x [rows, columns], weight and bias [columns], ε 1e-5
 * - softmax: x [rows, columns]
 * - windowAttention: qkv [B, S, S, 3C], table [(2w − 1)², heads]; settings heads, windowSize, shift (S a multiple of w)
 * - sinkhorn: cost [P, n, n], a and b [P, n]; settings epsilon, iterations (one at least); y is the plan (rows first, from
 *   scalings of 1). Costs lie in [0, 1] and ε is 0.1, so that exp(−C / ε) needs no offsets in f32
 */
export interface OpTask {
  readonly kind: 'op';
  readonly op: PeerOp;
  readonly inputs: Readonly<Record<string, Input>>;
  readonly settings: Readonly<Record<string, number>>;
  /** One of the library's forms of the op. */
  readonly form: string;
  /** dL/d y when the pass includes the backward one; null for the forward pass alone. */
  readonly dy: Float32Array<ArrayBuffer> | null;
}

/** Adam's numbers; weight decay makes it AdamW. */
export interface AdamSettings {
  readonly learningRate: number;
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  readonly weightDecay: number;
}

/** One optimiser step over a flat array of parameters with gradients, both moments given; step counts from 1. */
export interface AdamwTask {
  readonly kind: 'adamw';
  readonly params: Float32Array<ArrayBuffer>;
  readonly gradients: Float32Array<ArrayBuffer>;
  readonly m: Float32Array<ArrayBuffer>;
  readonly v: Float32Array<ArrayBuffer>;
  readonly step: number;
  readonly settings: AdamSettings;
}

/**
 * A training step of src/model/classifier: forward, loss = mean over all scores of softplus(s) − target · s (binary
 * cross-entropy with logits), backward, Adam. State (parameters, moments, step number) stays on the device.
 */
export interface StepTask {
  readonly kind: 'step';
  readonly network: ClassifierConfig;
  /** [B, H, W, 3], H and W equal and a multiple of patchSize; every map is a multiple of the window. */
  readonly image: Input;
  /** [B, numClasses], 0 or 1. */
  readonly targets: Input;
  /** Named, shaped and ordered as `classifierSpecs` has them. */
  readonly parameters: Readonly<Record<string, Input>>;
  readonly settings: AdamSettings;
}

/** Class scores of the same network, forward only. */
export interface InferenceTask extends Pick<StepTask, 'network' | 'image' | 'parameters'> {
  readonly kind: 'inference';
}

/** Anything that other libraries are asked for. */
export type PeerTask = OpTask | AdamwTask | StepTask | InferenceTask;

/** Work whose inputs lie on the device. */
export interface PeerRun {
  /**
   * Submits one repeat (all of it: lazy libraries must launch here) and gives the outputs of the repeat before back.
   * Does not wait for the device and reads nothing.
   */
  run(): void | Promise<void>;
  /** Waits until everything that was submitted is done; reads nothing. */
  finish(): Promise<void>;
  /**
   * Reads the outputs of the last repeat by name. Ops: "y" and "d/d <input>". adamw: "parameters", "m", "v".
   * inference: "y" [B, numClasses].
   * Training step: "loss" (of the parameters before the step) and "m" (the first moments of all parameters, in order).
   */
  read(): Promise<Record<string, ArrayLike<number>>>;
  /** Gives everything back. */
  destroy(): void;
}

/** A library. */
export interface Peer {
  readonly name: PeerName;
  readonly version: string;
  /** How it is used here, in words for the report: what its documentation advises. */
  readonly usage: string;
  /** The device that it computes on. */
  readonly device: GPUDevice;
  /** The names of its forms of an op: each is a contestant of its own, and Zygo is judged against the fastest. At least one. */
  formsOf(op: PeerOp): readonly string[];
  /**
   * Uploads the inputs and builds what will be repeated. Compiling may be left to the first run.
   * @throws {PeerGap} when the library cannot do it, with the reason
   */
  prepare(task: PeerTask): Promise<PeerRun>;
  destroy(): void;
}

/** Something that a library cannot do; the message is the reason that the report shows. */
export class PeerGap extends Error {
  override readonly name = 'PeerGap';
}

/** A library that could not be loaded, or was left out. */
export interface MissingPeer {
  readonly name: string;
  readonly reason: string;
}

/** What loading gave. */
export interface PeerSet {
  readonly peers: readonly Peer[];
  readonly missing: readonly MissingPeer[];
}
