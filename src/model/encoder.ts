/** Backbone and region head: from images and AU attention maps to one feature per AU region and one global feature. */
import type { Engine, Tensor } from '../engine/index.js';
import { concatLast, meanPool } from '../kernels/layout/index.js';
import { regionPool } from '../kernels/pooling/index.js';
import { backboneSpecs } from './backbone/specs.js';
import { Swin, type ForwardOptions, type ImagePieces } from './backbone/swin.js';
import type { ParameterLookup, ParameterSpec } from './parameters.js';
import type { BackboneConfig } from './presets.js';

/** What {@link Encoder.forward} gives for N images; D is `regionFeatureDim`, C `globalFeatureDim`. */
export interface Features {
  /** [N, R, D]: one row per AU region; null when no attention maps were given. */
  readonly regions: Tensor | null;
  /** [N, C]: mean over the last stage's map. */
  readonly global: Tensor;
}

/** Joins the pooled stages' features along the channels. */
function joined(engine: Engine, parts: Tensor[]): Tensor {
  return parts.length === 1 ? parts[0] : concatLast(engine, parts);
}

/**
 * The network whose features are trained and probed: a Swin and the region head, which has no parameters. It owns nothing:
 * made where a forward pass is traced, as often as wanted, on the same parameters.
 */
export class Encoder {
  private readonly backbone: Swin;

  /** @param parameters named as {@link Encoder.specs} has them; others may be beside them */
  constructor(
    private readonly engine: Engine,
    parameters: ParameterLookup,
    private readonly config: BackboneConfig,
  ) {
    this.backbone = new Swin(engine, parameters, config, 'backbone.');
  }

  /** All parameters, their names beginning with "backbone.". */
  static specs(config: BackboneConfig): ParameterSpec[] {
    return backboneSpecs('backbone.', config);
  }

  /**
   * @param image [N, S, S, 3], or its pieces, see `imagePieces`
   * @param masks AU attention maps [N, R, h, w], one tensor per pooled stage, or null for the global feature only
   */
  forward(image: Tensor | ImagePieces, masks: readonly Tensor[] | null, options: ForwardOptions = {}): Features {
    const { engine, config } = this;
    const maps = this.backbone.forward(image, options);
    const mapOf = (stage: number) => maps.get(stage) as Tensor;
    // Pooled first, so that its gradient comes last and is added to that of the regions as it is written.
    const global = meanPool(engine, mapOf(config.depths.length - 1));
    const regions = masks && joined(engine, config.poolStages.map((stage, index) => regionPool(engine, mapOf(stage), masks[index]).pooled));
    return { regions, global };
  }
}
