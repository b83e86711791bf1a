/**
 * What the muscle behind each AU does to the skin, as displacements of named vertices at intensity 5
 * (directions after Ekman, Friesen and Hager, "Facial Action Coding System", 2002; sizes are our choice).
 * Person's right side; x grows towards the person's left, so +x is towards the midline.
 */
import type { ActionUnit } from '../action-units.js';
import type { Anchor } from './displacement-field.js';

/** Anchors of one AU and the reach of each in centimetres. */
export interface AuField {
  readonly sigma: number;
  readonly anchors: readonly Anchor[];
}

/** The upper lid's border and fold, which the brows do not take along. */
const LID_PINS: readonly Anchor[] = [
  [161, 0, 0, 0], [160, 0, 0, 0], [159, 0, 0, 0], [158, 0, 0, 0], [157, 0, 0, 0], [27, 0, 0, 0], [28, 0, 0, 0],
  [29, 0, 0, 0], [56, 0, 0, 0], [33, 0, 0, 0], [133, 0, 0, 0],
];

/** The lower lid's border: how far it closes is said in au-deformers.ts. */
const LOWER_LID_PINS: readonly Anchor[] = [
  [163, 0, 0, 0], [144, 0, 0, 0], [145, 0, 0, 0], [153, 0, 0, 0], [154, 0, 0, 0],
];

/** The skin's part of each AU. Lids, lip thickness, lip parting and the jaw's rotation are in au-deformers.ts. */
export const AU_FIELDS: Readonly<Record<ActionUnit, AuField>> = {
  // Frontalis, medial part: the inner brow corners rise, the brows slant.
  1: {
    sigma: 0.85,
    anchors: [
      [107, 0.1, 1.15, 0.05], [55, 0.1, 1.2, 0.1], [66, 0.05, 0.75, 0], [65, 0.05, 0.8, 0], [9, 0, 0.85, 0],
      [8, 0, 0.55, 0], [108, 0, 0.45, 0], [151, 0, 0.45, 0], [221, 0, 0.35, 0], [105, 0, 0.1, 0], [52, 0, 0.1, 0],
      [63, 0, -0.05, 0], ...LID_PINS,
    ],
  },
  // Frontalis, lateral part: the outer brow rises into an arch.
  2: {
    sigma: 0.85,
    anchors: [
      [70, 0, 0.95, -0.1], [46, 0, 1.0, -0.05], [63, 0, 1.2, -0.05], [53, 0, 1.2, 0], [105, 0, 1.0, 0],
      [52, 0, 1.0, 0], [66, 0, 0.45, 0], [65, 0, 0.4, 0], [107, 0, 0.12, 0], [55, 0, 0.1, 0], [71, 0, 0.6, 0],
      [104, 0, 0.5, 0], [68, 0, 0.55, 0], [225, 0, 0.3, 0], [224, 0, 0.25, 0], ...LID_PINS,
    ],
  },
  // Corrugator and depressor supercilii: brows down and together, a bulge between them.
  4: {
    sigma: 0.9,
    anchors: [
      [107, 0.5, -0.85, 0.1], [55, 0.45, -0.8, 0.1], [66, 0.4, -0.8, 0.05], [65, 0.35, -0.75, 0.05],
      [105, 0.25, -0.65, 0.05], [52, 0.2, -0.6, 0.05], [63, 0.12, -0.45, 0], [53, 0.1, -0.4, 0], [70, 0.05, -0.25, 0],
      [9, 0, -0.6, 0.2], [8, 0, -0.5, 0.2], [221, 0.15, -0.3, 0.05], [222, 0.05, -0.3, 0.05], [223, 0, -0.25, 0.05],
      [108, 0.1, -0.3, 0], ...LID_PINS,
    ],
  },
  // Orbicularis oculi, orbital part: cheeks up, skin drawn towards the eye, outer brow slightly down.
  6: {
    sigma: 0.95,
    anchors: [
      [50, 0.05, 0.8, 0.4], [101, 0, 0.7, 0.4], [118, 0, 0.75, 0.35], [117, 0.15, 0.7, 0.3], [119, 0, 0.6, 0.3],
      [205, 0, 0.4, 0.3], [123, 0.15, 0.45, 0.2], [111, 0.25, 0.4, 0.1], [31, 0.2, 0.35, 0.1], [228, 0.05, 0.4, 0.1],
      [229, 0, 0.4, 0.1], [230, 0, 0.35, 0.1], [226, 0.2, 0, 0], [35, 0.3, 0.05, 0], [113, 0.1, -0.15, 0],
      [124, 0.2, -0.2, 0], [46, 0.1, -0.25, 0], [70, 0.1, -0.2, 0], [23, 0, 0.22, 0.05], [24, 0, 0.22, 0.05],
      [22, 0, 0.18, 0.05], ...LID_PINS, ...LOWER_LID_PINS,
    ],
  },
  // Orbicularis oculi, palpebral part: the skin next to the lids tightens.
  7: {
    sigma: 0.6,
    anchors: [
      [229, 0, 0.18, 0.06], [230, 0, 0.2, 0.06], [231, 0, 0.18, 0.06], [228, 0.05, 0.1, 0], [226, 0.12, 0, 0],
      [223, 0, -0.12, 0], [222, 0, -0.12, 0], [224, 0, -0.1, 0], ...LID_PINS, ...LOWER_LID_PINS,
    ],
  },
  // Levator labii superioris alaeque nasi: nose wings and the skin beside the nose up, inner brows down.
  9: {
    sigma: 0.8,
    anchors: [
      [129, -0.1, 0.85, 0.1], [98, -0.05, 0.7, 0.1], [64, -0.1, 0.85, 0.15], [48, -0.15, 0.85, 0.15], [49, -0.1, 0.7, 0.1],
      [102, -0.1, 0.85, 0.1], [142, 0, 0.8, 0.3], [126, 0, 0.65, 0.25], [36, 0, 0.7, 0.25], [203, 0, 0.7, 0.25],
      [47, 0.05, 0.45, 0.2], [114, 0.05, 0.3, 0.15], [1, 0, 0.15, 0], [37, 0, 0.45, 0.05], [39, 0, 0.5, 0.05],
      [0, 0, 0.3, 0.05], [165, 0, 0.6, 0.1], [193, 0.05, -0.3, 0.1], [55, 0.15, -0.55, 0.1], [107, 0.15, -0.5, 0.05],
      [65, 0.1, -0.35, 0], [8, 0, -0.5, 0.1], [9, 0, -0.45, 0.1],
    ],
  },
  // Levator labii superioris: the upper lip rises, most beside the middle; the cheek beside the nose swells.
  10: {
    sigma: 0.75,
    anchors: [
      [37, 0, 0.62, 0.1], [39, -0.02, 0.75, 0.12], [40, -0.05, 0.6, 0.1], [0, 0, 0.42, 0.05], [185, -0.05, 0.25, 0.05],
      [165, 0, 0.6, 0.15], [92, -0.05, 0.6, 0.15], [167, 0, 0.4, 0.05], [206, -0.1, 0.45, 0.35], [203, -0.1, 0.5, 0.35],
      [36, -0.05, 0.4, 0.3], [205, -0.05, 0.25, 0.2], [129, -0.15, 0.2, 0.05], [61, -0.02, 0.02, 0], [57, 0, 0, 0],
    ],
  },
  // Zygomaticus major: lip corners up, out and back; cheeks swell.
  12: {
    sigma: 0.9,
    anchors: [
      [61, -1.1, 1.2, -0.45], [185, -0.9, 0.85, -0.35], [40, -0.6, 0.36, -0.2], [39, -0.3, 0.05, -0.12], [0, 0, -0.1, -0.1],
      [146, -0.9, 0.95, -0.35], [91, -0.6, 0.48, -0.22], [181, -0.3, 0.12, -0.12], [17, 0, -0.05, -0.08],
      [57, -0.95, 1.15, -0.2], [186, -0.75, 0.75, 0.05], [216, -0.55, 0.75, 0.3], [206, -0.35, 0.45, 0.35],
      [207, -0.35, 0.6, 0.35], [205, -0.15, 0.45, 0.4], [50, -0.05, 0.35, 0.3], [212, -0.5, 0.6, 0], [43, -0.5, 0.55, -0.1],
      [129, -0.08, 0.05, 0], [202, -0.2, 0.25, 0],
    ],
  },
  // Buccinator: the corners are drawn inwards against the teeth, the skin beside them puckers into a dimple.
  14: {
    sigma: 0.6,
    anchors: [
      [61, -0.42, 0.08, -0.55], [185, -0.3, 0.0, -0.3], [146, -0.3, 0.1, -0.3], [40, -0.18, -0.05, -0.12], [91, -0.18, 0.08, -0.12],
      [57, -0.2, 0.05, -0.4], [212, 0.1, 0, 0.22], [216, 0.05, -0.05, 0.22], [186, -0.05, -0.05, 0.12], [43, -0.05, 0.1, 0.12],
    ],
  },
  // Depressor anguli oris: lip corners down, the chin skin beside them pouches.
  15: {
    sigma: 0.7,
    anchors: [
      [61, -0.12, -0.85, -0.1], [185, -0.08, -0.6, -0.05], [146, -0.1, -0.75, 0], [40, 0, -0.22, 0], [91, 0, -0.35, 0],
      [39, 0, -0.05, 0], [57, -0.1, -0.75, 0], [43, -0.1, -0.6, 0.15], [186, -0.05, -0.5, 0], [212, -0.05, -0.5, 0.05],
      [202, 0, -0.3, 0.15], [17, 0, 0.08, 0.03],
    ],
  },
  // Mentalis: chin boss and lower lip pushed up.
  17: {
    sigma: 0.9,
    anchors: [
      [199, 0, 0.85, 0.3], [200, 0, 0.95, 0.35], [208, 0, 0.8, 0.3], [201, 0, 0.9, 0.3], [175, 0, 0.5, 0.15], [152, 0, 0.25, 0],
      [18, 0, 0.75, 0.1], [83, 0, 0.7, 0.1], [194, 0, 0.5, 0.15], [17, 0, 0.65, 0.3], [84, 0, 0.6, 0.28], [181, 0, 0.35, 0.15],
      [14, 0, 0.5, 0.25], [87, 0, 0.46, 0.22], [178, 0, 0.2, 0.1], [13, 0, 0.5, 0.2], [82, 0, 0.46, 0.18], [81, 0, 0.2, 0.08],
      [0, 0, 0.3, 0.15], [37, 0, 0.28, 0.12], [61, 0, -0.25, 0], [185, 0, -0.1, 0], [146, 0, -0.15, 0],
    ],
  },
  // Orbicularis oris, tightener: the mouth opening narrows sideways.
  23: {
    sigma: 0.7,
    anchors: [
      [61, 0.62, 0, 0.08], [185, 0.52, -0.04, 0.08], [146, 0.52, 0.04, 0.08], [40, 0.36, -0.05, 0.08], [91, 0.36, 0.05, 0.08],
      [39, 0.18, -0.06, 0.08], [181, 0.18, 0.06, 0.08], [57, 0.4, 0, 0.05], [0, 0, -0.08, 0.1], [17, 0, 0.1, 0.1],
      [186, 0.2, 0, 0], [43, 0.2, 0, 0],
    ],
  },
  // Orbicularis oris, pressor: the skin above and below the lips bulges, the chin lifts slightly.
  24: {
    sigma: 0.8,
    anchors: [
      [164, 0, -0.2, 0.28], [167, 0, -0.2, 0.26], [165, 0, -0.15, 0.2], [18, 0, 0.3, 0.3], [83, 0, 0.28, 0.28],
      [182, 0, 0.22, 0.22], [200, 0, 0.22, 0.1], [61, -0.2, -0.05, -0.12], [186, 0, 0, 0.1], [43, 0, 0, 0.1],
    ],
  },
  // Lips part: the skin below the lower lip yields; the lips themselves move in au-deformers.ts.
  25: { sigma: 0.9, anchors: [[17, 0, -0.22, 0], [84, 0, -0.22, 0], [18, 0, -0.15, 0], [0, 0, 0.08, 0], [37, 0, 0.08, 0]] },
  // Jaw drop: cheeks hollow a little; the jaw itself rotates in au-deformers.ts.
  26: { sigma: 1.1, anchors: [[207, 0.2, 0, -0.1], [187, 0.2, 0, -0.1], [212, 0.2, 0, -0.05], [61, 0.15, 0, 0]] },
};
