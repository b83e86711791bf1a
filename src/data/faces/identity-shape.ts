/** Turns an identity's shape parameters into a face at rest. */
import { MESH_VERTEX_COUNT } from './canonical-mesh.js';
import type { Anchor, FieldBuilder } from './displacement-field.js';
import type { IdentityShape } from './identity.js';
import {
  LIP_RINGS,
  RIGHT_EYE_LOWER,
  RIGHT_EYE_UPPER,
  RIGHT_LID_FOLD_LOWER,
  RIGHT_LID_FOLD_UPPER,
  mirrored,
  type FaceTopology,
} from './mesh-topology.js';

/** Displacements for one unit of a shape parameter (cm per cm), and how far they reach. */
interface ShapeField {
  readonly parameter: keyof IdentityShape;
  readonly sigma: number;
  readonly anchors: readonly Anchor[];
}

const SHAPE_FIELDS: readonly ShapeField[] = [
  { parameter: 'chinForward', sigma: 1.6, anchors: [[199, 0, 0, 1], [175, 0, 0, 1], [200, 0, 0, 0.6], [208, 0, 0, 0.9]] },
  { parameter: 'cheekbones', sigma: 1.4, anchors: [[50, -0.6, 0.2, 0.6], [117, -0.6, 0.2, 0.5], [116, -0.7, 0.1, 0.3]] },
  { parameter: 'cheekFullness', sigma: 1.5, anchors: [[207, -0.5, 0, 0.7], [187, -0.7, 0, 0.5], [192, -0.7, 0, 0.4], [214, -0.6, 0, 0.4]] },
  {
    parameter: 'noseWidth',
    sigma: 0.7,
    anchors: [[129, -1, 0, 0], [64, -1, 0, 0], [48, -1, 0, 0], [98, -0.9, 0, 0], [49, -0.7, 0, 0], [209, -0.4, 0, 0], [4, 0, 0, 0], [2, 0, 0, 0]],
  },
  {
    parameter: 'noseLength',
    sigma: 0.9,
    anchors: [[4, 0, -1, 0], [1, 0, -1, 0], [19, 0, -1, 0], [2, 0, -0.9, 0], [98, 0, -0.85, 0], [129, 0, -0.8, 0], [5, 0, -0.6, 0], [195, 0, -0.3, 0]],
  },
  {
    parameter: 'noseForward',
    sigma: 0.9,
    anchors: [[4, 0, 0, 1], [1, 0, 0, 1], [5, 0, 0, 0.9], [195, 0, 0, 0.6], [19, 0, 0, 0.8], [2, 0, 0, 0.2], [129, 0, 0, 0.1], [168, 0, 0, 0.1]],
  },
  { parameter: 'noseBridge', sigma: 0.8, anchors: [[168, 0, 0, 0.8], [6, 0, 0, 1], [197, 0, 0, 1], [195, 0, 0, 0.6], [4, 0, 0, 0]] },
  { parameter: 'noseTipUp', sigma: 0.7, anchors: [[4, 0, 0.8, 0], [1, 0, 1, 0.1], [19, 0, 0.8, 0.1]] },
  {
    parameter: 'browHeight',
    sigma: 0.9,
    anchors: [[107, 0, 1, 0], [55, 0, 0.9, 0], [66, 0, 1, 0], [65, 0, 0.9, 0], [105, 0, 1, 0], [52, 0, 0.9, 0], [63, 0, 1, 0], [53, 0, 0.9, 0], [70, 0, 1, 0], [46, 0, 0.9, 0], [9, 0, 0.5, 0]],
  },
  {
    parameter: 'browTilt',
    sigma: 0.9,
    anchors: [[107, 0, -1, 0], [55, 0, -1, 0], [105, 0, 0, 0], [52, 0, 0, 0], [63, 0, 0.6, 0], [53, 0, 0.6, 0], [70, 0, 1, 0], [46, 0, 1, 0]],
  },
  {
    parameter: 'browRidge',
    sigma: 1,
    anchors: [[107, 0, 0, 1], [66, 0, 0, 1], [105, 0, 0, 1], [63, 0, 0, 0.8], [9, 0, 0, 0.8], [65, 0, 0, 1], [52, 0, 0, 1], [159, 0, 0, 0], [168, 0, 0, 0.3]],
  },
  {
    parameter: 'mouthWidth',
    sigma: 1,
    anchors: [[61, -1, 0, -0.35], [40, -0.7, 0, -0.1], [91, -0.7, 0, -0.1], [0, 0, 0, 0], [17, 0, 0, 0], [57, -0.8, 0, -0.2]],
  },
  {
    parameter: 'mouthHeight',
    sigma: 1.2,
    anchors: [[61, 0, 1, 0], [40, 0, 1, 0], [91, 0, 1, 0], [0, 0, 1, 0], [17, 0, 1, 0], [13, 0, 1, 0], [14, 0, 1, 0], [81, 0, 1, 0], [178, 0, 1, 0]],
  },
];

/** Smooth step from 0 at `a` to 1 at `b`. */
function ramp(a: number, b: number, x: number): number {
  const t = Math.min(1, Math.max(0, (x - a) / (b - a)));
  return t * t * (3 - 2 * t);
}

/** Builds identities' faces from one rest shape. */
export class IdentityShaper {
  private readonly fields: readonly { parameter: keyof IdentityShape; field: Float32Array }[];

  constructor(
    private readonly topology: FaceTopology,
    private readonly rest: Float32Array,
    builder: FieldBuilder,
  ) {
    this.fields = SHAPE_FIELDS.map(({ parameter, anchors, sigma }) => ({ parameter, field: builder.field(anchors, sigma) }));
  }

  /** The person's face at rest, [468, 3] centimetres. */
  shape(identity: IdentityShape): Float32Array {
    const shape = this.rest.slice();
    for (const { parameter, field } of this.fields) {
      for (let k = 0; k < shape.length; k++) shape[k] += identity[parameter] * field[k];
    }
    this.shapeEyes(shape, identity);
    this.shapeLips(shape, identity);
    this.shapeHead(shape, identity);
    return shape;
  }

  private shapeEyes(shape: Float32Array, identity: IdentityShape): void {
    const right = [RIGHT_EYE_UPPER, RIGHT_EYE_LOWER, RIGHT_LID_FOLD_UPPER, RIGHT_LID_FOLD_LOWER] as const;
    for (const side of [1, -1]) {
      const [upper, lower, foldUpper, foldLower] = right.map((list) => (side > 0 ? [...list] : mirrored(this.topology, list)));
      const [outer, inner] = [upper[0], upper[upper.length - 1]];
      const centre = [0, 1].map((k) => 0.5 * (shape[3 * outer + k] + shape[3 * inner + k]));
      for (const [list, share] of [[upper, 1], [lower, 1], [foldUpper, 0.8], [foldLower, 0.8]] as const) {
        for (const vertex of new Set(list)) {
          const x = shape[3 * vertex] - centre[0];
          const y = shape[3 * vertex + 1] - centre[1];
          const opening = list === upper || list === lower ? identity.eyeOpening : 1 + 0.7 * (identity.eyeOpening - 1);
          const grow = 1 + (identity.eyeSize - 1) * share;
          // Outer corners lie at -x on the right side: tilt lifts them.
          shape[3 * vertex] = centre[0] + x * grow - side * identity.eyeSpacing * 0.5;
          shape[3 * vertex + 1] = centre[1] + y * grow * opening - side * (x / 1.3) * identity.eyeTilt;
        }
      }
    }
  }

  private shapeLips(shape: Float32Array, identity: IdentityShape): void {
    const inner = LIP_RINGS[LIP_RINGS.length - 1];
    for (let column = 1; column < inner.upper.length - 1; column++) {
      const line = shape[3 * inner.upper[column] + 1];
      for (const ring of LIP_RINGS) {
        for (const [vertex, factor] of [[ring.upper[column], identity.upperLip], [ring.lower[column], identity.lowerLip]] as const) {
          const y = shape[3 * vertex + 1];
          shape[3 * vertex + 1] = line + (y - line) * factor;
          shape[3 * vertex + 2] += 0.35 * (factor - 1);
        }
      }
    }
  }

  private shapeHead(shape: Float32Array, identity: IdentityShape): void {
    for (let v = 0; v < MESH_VERTEX_COUNT; v++) {
      const y = shape[3 * v + 1];
      const widen = identity.width * (1 + identity.jawWidth * ramp(-1, -7, y) + identity.foreheadWidth * ramp(3, 8, y));
      shape[3 * v] *= widen;
      shape[3 * v + 1] = y * identity.length - identity.chinLength * ramp(-5.5, -9.5, y);
    }
  }
}
