/** Reverse-mode differentiation: ops put nodes on a tape, backward walks it from the end. */
import type { DType } from './dtype.js';
import type { Tensor } from './tensor.js';

/** What an op's backward function sees: gradients of its outputs, and where to put those of its inputs. */
export interface BackwardContext {
  /** dL/d output; filled with zeros when nothing flowed into that output. */
  gradient(outputIndex: number): Tensor;
  /** False when nothing flowed into the output. */
  hasGradient(outputIndex: number): boolean;
  /** False when the input's gradient is not wanted: skip its work. */
  needs(inputIndex: number): boolean;
  /**
   * A tensor of the input's shape to write dL/d input into, every element of it; a parameter's own
   * gradient buffer where that is still free.
   * @param dtype of a new tensor: the input's by default; the gradient of an f16 input may be kept in f32
   */
  target(inputIndex: number, dtype?: DType): Tensor;
  /**
   * dL/d input as far as the input's other uses have contributed to it, or null. It is the op's from then on: what the op
   * writes into its target must have it added.
   */
  takeSum(inputIndex: number): Tensor | null;
  /** Hands over an existing tensor as dL/d input, for example the incoming gradient itself. */
  set(inputIndex: number, gradient: Tensor): void;
}

/**
 * An op's backward function: launches what turns dL/d outputs into dL/d inputs, for the inputs that the context says are
 * needed. It runs at most once, after those of all ops that used the outputs (an op whose outputs no gradient reached is
 * left out), and must not change the gradients it is given: they may be shared with other tensors.
 */
export type Backward = (context: BackwardContext) => void;

interface Operation {
  readonly name: string;
  readonly inputs: readonly Tensor[];
  readonly outputs: readonly Tensor[];
  readonly backward: Backward;
}

/** Operations that were not kept: they run again when the backward pass gets to them. */
interface Segment {
  readonly outputs: readonly Tensor[];
  readonly again: (tape: Tape) => readonly Tensor[];
}

/** What the tape needs from the engine and from the kernels. */
export interface TapeActions {
  empty(shape: readonly number[], dtype: DType, label: string): Tensor;
  zeros(shape: readonly number[], dtype: DType): Tensor;
  copy(source: Tensor, destination: Tensor): void;
  /** A new tensor a + b. */
  add(a: Tensor, b: Tensor): Tensor;
  /** destination += source. */
  accumulate(destination: Tensor, source: Tensor): void;
}

/**
 * The operations of one computation in the order in which they ran, for one backward pass; see `Engine.withTape`.
 * An operation is kept when a gradient can flow into one of its inputs: parameters, tensors asked for by `watch`, and what
 * was computed from either.
 */
export class Tape {
  private readonly nodes: (Operation | Segment)[] = [];

  /** @param keeps false for a tape that only finds out what can be differentiated; its operations cannot be */
  constructor(
    private readonly actions: TapeActions,
    readonly keeps = true,
    private readonly wanted = new Set<Tensor>(),
    private readonly gradients = new Map<Tensor, Tensor>(),
  ) {}

  /** A tape for a part of this one's computation: what is wanted and every gradient are common to both. */
  part(keeps: boolean): Tape {
    return new Tape(this.actions, keeps, this.wanted, this.gradients);
  }

  /** True when a gradient can flow into the tensor. */
  tracks(tensor: Tensor): boolean {
    return tensor.requiresGradient || this.wanted.has(tensor);
  }

  /** Asks for the gradient of a tensor that is no parameter. */
  watch(tensor: Tensor): void {
    this.wanted.add(tensor);
  }

  /**
   * Keeps an operation for `backward`; one whose inputs no gradient can flow into is left out.
   * @param backward gets the indices of `inputs` and `outputs`, see BackwardContext
   */
  record(name: string, inputs: readonly Tensor[], outputs: readonly Tensor[], backward: Backward): void {
    if (!inputs.some((input) => this.tracks(input))) return;
    for (const output of outputs) this.wanted.add(output);
    if (this.keeps) this.nodes.push({ name, inputs, outputs, backward });
  }

  /**
   * Records a whole part of the computation as one node.
   * @param outputs what the part gave, computed under `part(false)`
   * @param again computes the same under the given tape, from the same tensors, and gives the outputs in the same order
   */
  recordSegment(outputs: readonly Tensor[], again: (tape: Tape) => readonly Tensor[]): void {
    if (this.keeps && outputs.some((output) => this.tracks(output))) this.nodes.push({ outputs, again });
  }

  /**
   * Runs the tape backwards from the given tensors, each with its dL/d tensor.
   * Parameters with a gradient buffer get theirs overwritten.
   */
  backward(seeds: readonly (readonly [Tensor, Tensor])[]): void {
    for (const [tensor, seed] of seeds) this.contribute(tensor, seed);
    for (const node of this.nodes.reverse()) {
      if (!node.outputs.some((output) => this.gradients.has(output))) continue;
      if ('again' in node) this.runSegment(node);
      else this.runOperation(node);
    }
    this.nodes.length = 0;
  }

  /**
   * The gradients of the first outputs flow on from the new ones. Every operation then contributes to the gradients that
   * both tapes share, in the order that it would have without the segment: the sums are the same to the last bit.
   */
  private runSegment({ outputs, again }: Segment): void {
    const tape = this.part(true);
    const recomputed = again(tape);
    tape.backward(
      recomputed.flatMap((output, index): [Tensor, Tensor][] => {
        const gradient = this.gradients.get(outputs[index]);
        // A tensor that was handed through has its gradient already.
        return gradient && output !== outputs[index] ? [[output, gradient]] : [];
      }),
    );
  }

  private runOperation(node: Operation): void {
    const targets = new Map<number, Tensor>();
    node.backward({
      gradient: (index) => this.gradients.get(node.outputs[index]) ?? this.actions.zeros(node.outputs[index].shape, node.outputs[index].dtype),
      hasGradient: (index) => this.gradients.has(node.outputs[index]),
      needs: (index) => this.tracks(node.inputs[index]),
      target: (index, dtype = node.inputs[index].dtype) => {
        const input = node.inputs[index];
        const free = input.gradient && !this.gradients.has(input) && ![...targets.values()].includes(input.gradient);
        const target = free ? (input.gradient as Tensor) : this.actions.empty(input.shape, dtype, `gradient of ${node.name}`);
        targets.set(index, target);
        return target;
      },
      takeSum: (index) => {
        const input = node.inputs[index];
        // A parameter's sum lies in its own buffer, and a second place of the same tensor would add to it once more.
        const sum = input.gradient || node.inputs.indexOf(input) !== node.inputs.lastIndexOf(input) ? undefined : this.gradients.get(input);
        if (sum?.dtype !== 'f32') return null;
        this.gradients.delete(input);
        return sum;
      },
      set: (index, gradient) => {
        targets.set(index, gradient);
      },
    });
    for (const [index, gradient] of targets) this.contribute(node.inputs[index], gradient);
  }

  private contribute(tensor: Tensor, gradient: Tensor): void {
    if (!this.tracks(tensor)) return;
    const before = this.gradients.get(tensor);
    if (!before) {
      if (tensor.gradient && gradient !== tensor.gradient) {
        this.actions.copy(gradient, tensor.gradient);
        this.gradients.set(tensor, tensor.gradient);
      } else {
        this.gradients.set(tensor, gradient);
      }
    } else if (tensor.gradient) {
      this.actions.accumulate(tensor.gradient, gradient);
    } else {
      // Not in place: the first gradient may be shared with another tensor (a residual sum passes it on).
      this.gradients.set(tensor, this.actions.add(before, gradient));
    }
  }

  /** dL/d tensor after backward, or null when nothing flowed into it. */
  gradientOf(tensor: Tensor): Tensor | null {
    return this.gradients.get(tensor) ?? null;
  }
}
