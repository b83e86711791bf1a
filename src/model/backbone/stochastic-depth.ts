/** Stochastic depth of a Swin: how often each block's residual branches are left out, and the draws that decide it. */
import type { Engine, Tensor } from '../../engine/index.js';
import { stochasticResidual } from '../../kernels/elementwise/index.js';
import { uniform } from '../../kernels/random/index.js';

/** Tells these draws from other random ops of a step. */
const OP = 0x5d;
/** Branches of a block: attention and MLP. */
const BRANCHES = 2;
/** Views start at multiples of 64 elements. */
const ALIGNMENT = 64;

/** Rate of a block: linspace(0, rate, blocks), as in Liu et al. 2021. */
export function blockRate(rate: number, block: number, blocks: number): number {
  return blocks < 2 ? rate : (rate * block) / (blocks - 1);
}

/**
 * Stochastic depth (Huang et al. 2016, "Deep networks with stochastic depth") of one forward pass: made where the pass is
 * traced, and asked by each block. A sample whose branch is left out keeps what went into it.
 */
export class StochasticDepth {
  private readonly draws: Tensor;
  private readonly stride: number;

  /**
   * Draws for all blocks of one forward pass in one launch, a function of (seed, step, block, branch, sample). Made outside
   * of checkpointed parts, which see the same draws when they run again.
   * @param stepKey u32 [2]: seed, step
   * @param rate of the last block
   */
  constructor(
    private readonly engine: Engine,
    stepKey: Tensor,
    private readonly samples: number,
    private readonly rate: number,
    private readonly blocks: number,
  ) {
    this.stride = Math.ceil(samples / ALIGNMENT) * ALIGNMENT;
    this.draws = uniform(engine, [blocks * BRANCHES * this.stride], stepKey, OP);
  }

  /** True when a block's branches may be left out. */
  applies(block: number): boolean {
    return blockRate(this.rate, block, this.blocks) > 0;
  }

  /**
   * x + f z with each sample's factor, see `stochasticResidual`.
   * @param block 0-based, over all stages
   * @param branch 0: attention, 1: MLP
   */
  residual(x: Tensor, z: Tensor, block: number, branch: 0 | 1): Tensor {
    const { engine, draws, samples, stride } = this;
    const own = engine.view(draws, (block * BRANCHES + branch) * stride, [samples]);
    return stochasticResidual(engine, x, z, own, blockRate(this.rate, block, this.blocks));
  }
}
