/**
 * Every number of every preset, in one place. A preset is plain data: a run writes it to its config.json,
 * and a checkpoint is only loaded into the architecture that it was trained with.
 */
import { InputError } from '../engine/index.js';
import type { ActionUnit } from '../data/action-units.js';
import { BP4D_AUS } from '../data/action-units.js';
import { LOSS_SCALE, type LossScaleOptions } from '../kernels/optimizer/index.js';

/** The backbone: Swin (Liu et al. 2021), with a convolutional stem where the preset is small. */
export interface BackboneConfig {
  /** Width and height of the input in pixels. */
  readonly imageSize: number;
  /**
   * 'convolution': two 3x3 convolutions of stride 2 (Xiao et al. 2021, "Early convolutions help transformers see
   * better": small Swins learn little without). 'patch': Swin's own 4x4 patch embedding.
   */
  readonly stem: 'convolution' | 'patch';
  /** Side of a patch in pixels where the stem is 'patch'; 4, as in Swin, when left out. */
  readonly patchSize?: number;
  /** Channels of the first stage; each later stage doubles them. */
  readonly embedDim: number;
  readonly depths: readonly number[];
  readonly heads: readonly number[];
  readonly windowSize: number;
  readonly mlpRatio: number;
  /** Stages whose maps the region head pools (0 is the first); their features are concatenated. */
  readonly poolStages: readonly number[];
  /** Standard deviation of truncated-normal linear weights; 'fan-in' means 1/sqrt(fan-in), for narrow presets. */
  readonly initialStd: number | 'fan-in';
}

/** MLP heads of BYOL (Grill et al. 2020), scaled to the preset. */
export interface HeadConfig {
  readonly hiddenDim: number;
  readonly projectionDim: number;
}

/** AU attention maps drawn from landmarks (JAA-Net's rule). */
export interface RegionConfig {
  readonly actionUnits: readonly ActionUnit[];
  readonly kind: 'l1' | 'gaussian';
  /** Half-width of a map as a fraction of the image. */
  readonly radius: number;
}

/** Weights of the losses; 0 switches one off. The paper's claim is the ablation between them. */
export interface ObjectiveConfig {
  /** Negative cosine between predicted and target global features. */
  readonly global: number;
  /** Negative cosine between predicted and target features of each AU region. */
  readonly region: number;
  /** Contrast of each AU region with the same region of the other faces in the batch (our addition). */
  readonly contrast: number;
  readonly contrastTemperature: number;
  /** Optimal transport between the two views' sets of AU features. */
  readonly relation: number;
  /** Entropic regularisation of the transport, with costs in [0, 2]. */
  readonly relationEpsilon: number;
  readonly relationIterations: number;
  /** Smallest mass of a region before renormalisation. */
  readonly relationFloor: number;
  /** KL-relaxed marginals with this weight; null keeps the marginals exact. */
  readonly relationRho: number | null;
  /** Whether gradients flow through the transport plan. */
  readonly relationThroughPlan: boolean;
  /** Running-average decay of the relation prior; 1 keeps it uniform. */
  readonly priorDecay: number;
}

/** Strengths of the augmentation of both views, as `augmentationParameters` takes them (see AugmentationOptions). */
export interface AugmentationConfig {
  /** Area of the crop as a fraction of the image, [smallest, largest]. */
  readonly cropArea: readonly [number, number];
  /** Largest rotation in degrees. */
  readonly rotation: number;
  /** Probability of a left-right flip. */
  readonly flip: number;
  /** Brightness, contrast and saturation are multiplied by 1 ± up to these. */
  readonly brightness: number;
  readonly contrast: number;
  readonly saturation: number;
  /** Largest turn of the hue, as a fraction of a full turn. */
  readonly hue: number;
  /** Probability of the four above, together. */
  readonly jitterProbability: number;
  /** Probability of losing all colour. */
  readonly grey: number;
  /** Probability of blur in the first and in the second view. */
  readonly blur: readonly [number, number];
  /** Standard deviation of the blur in pixels, [smallest, largest]. */
  readonly blurSigma: readonly [number, number];
}

/**
 * AdamW (Loshchilov and Hutter 2019) with warm-up and a cosine to zero, and the target network's running average (BYOL,
 * Grill et al. 2020).
 */
export interface OptimizerConfig {
  /** Largest one, at the end of the warm-up; of self-supervised training. */
  readonly learningRate: number;
  /** Decoupled; biases, norms and position tables have none. */
  readonly weightDecay: number;
  /** Decays of the running averages of the gradient and of its square. */
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  /** Fraction of all steps with a linearly rising learning rate. */
  readonly warmup: number;
  /** Largest global norm of the gradient. */
  readonly clip: number;
  /** First decay of the target network's running average; rises to 1 along a cosine. */
  readonly targetDecay: number;
}

/** How much is trained: the demo is the same preset with a smaller budget. */
export interface Budget {
  /** Synthetic faces to train on, and the people whom they show; then the same of the test. */
  readonly faces: number;
  readonly identities: number;
  readonly testFaces: number;
  readonly testIdentities: number;
  /** Faces per step. */
  readonly batch: number;
  /** Self-supervised steps. */
  readonly steps: number;
  /** Steps of the global-only comparison. */
  readonly globalOnlySteps: number;
  /** Steps of the supervised upper line. */
  readonly supervisedSteps: number;
}

/** An architecture and the recipe that trains it; one of {@link PRESETS}, or made from one. */
export interface Preset {
  readonly name: string;
  readonly backbone: BackboneConfig;
  readonly heads: HeadConfig;
  readonly regions: RegionConfig;
  readonly objective: ObjectiveConfig;
  readonly augmentation: AugmentationConfig;
  readonly optimizer: OptimizerConfig;
  /** How the loss scale of mixed precision moves. */
  readonly lossScale: LossScaleOptions;
  /**
   * Stochastic depth of the trained network: the share of samples that the last block's residual branches are left out
   * for; it rises from 0 in the first block along a line. The target network and evaluation use every branch.
   */
  readonly stochasticDepth: number;
  /** Largest learning rate of supervised training; everything else of `optimizer` is common. */
  readonly supervisedLearningRate: number;
  /** Frames of one person that share a self-supervised batch (as frames of one video do; no label is used). */
  readonly groupSize: number;
  /** Width of the stored faces in pixels, larger than the network's input so that crops stay sharp. */
  readonly faceSize: number;
  /** For the preset's best result. */
  readonly full: Budget;
  /** For a first look, in minutes. */
  readonly demo: Budget;
}

const OBJECTIVE: ObjectiveConfig = {
  // At 0.25 and 1, with the person left in the region loss, the two drowned the contrast (measured 2026-11-23).
  global: 0.1,
  region: 0.5,
  contrast: 1,
  contrastTemperature: 0.2,
  relation: 0.5,
  relationEpsilon: 0.1,
  relationIterations: 50,
  relationFloor: 1e-3,
  relationRho: null,
  relationThroughPlan: false,
  priorDecay: 0.99,
};

const AUGMENTATION: AugmentationConfig = {
  // Milder than for objects: an AU lives in a small region, and a crop of 8 % would not hold one.
  // With 0.75 and 10 degrees the geometry drowned the movements; with these the contrast fell from 4.3 to 2.6 within
  // 140 steps of the tiny preset and the probe rose (2026-11-23).
  cropArea: [0.9, 1],
  rotation: 4,
  flip: 0.5,
  // Milder than BYOL's: with 0.4, 0.4, 0.4, 0.1 and grey 0.2 the contrast of the tiny preset stayed at chance for
  // 200 steps (2026-11-23); all frames of a person share light and colours, so colour tells no frames apart anyway.
  brightness: 0.1,
  contrast: 0.1,
  saturation: 0.2,
  hue: 0.02,
  jitterProbability: 0.8,
  grey: 0,
  blur: [0.1, 0],
  blurSigma: [0.3, 1],
};

const OPTIMIZER: OptimizerConfig = {
  learningRate: 2e-3,
  weightDecay: 0.05,
  beta1: 0.9,
  beta2: 0.999,
  epsilon: 1e-8,
  warmup: 0.1,
  clip: 3,
  targetDecay: 0.9,
};

const REGIONS: RegionConfig = { actionUnits: BP4D_AUS, kind: 'l1', radius: 0.14 };

/** The presets by name, small to large; use {@link presetNamed} for names that a person gives. */
export const PRESETS: Readonly<Record<string, Preset>> = {
  /** For software adapters and first tries. */
  tiny: {
    name: 'tiny',
    backbone: {
      imageSize: 64,
      stem: 'convolution',
      embedDim: 32,
      depths: [1, 2],
      heads: [2, 4],
      windowSize: 4,
      mlpRatio: 2,
      poolStages: [0, 1],
      initialStd: 'fan-in',
    },
    heads: { hiddenDim: 128, projectionDim: 64 },
    regions: REGIONS,
    objective: OBJECTIVE,
    augmentation: AUGMENTATION,
    optimizer: OPTIMIZER,
    lossScale: LOSS_SCALE,
    stochasticDepth: 0,
    supervisedLearningRate: 2e-3,
    groupSize: 8,
    faceSize: 80,
    full: { faces: 3840, identities: 240, testFaces: 960, testIdentities: 60, batch: 32, steps: 500, globalOnlySteps: 300, supervisedSteps: 500 },
    demo: { faces: 1200, identities: 75, testFaces: 480, testIdentities: 30, batch: 32, steps: 160, globalOnlySteps: 60, supervisedSteps: 0 },
  },
  /** For a laptop's GPU. */
  small: {
    name: 'small',
    backbone: {
      imageSize: 112,
      stem: 'convolution',
      embedDim: 48,
      depths: [2, 2, 2],
      heads: [2, 4, 8],
      windowSize: 7,
      mlpRatio: 4,
      poolStages: [0, 1, 2],
      initialStd: 'fan-in',
    },
    heads: { hiddenDim: 512, projectionDim: 128 },
    regions: REGIONS,
    objective: OBJECTIVE,
    augmentation: AUGMENTATION,
    optimizer: { ...OPTIMIZER, learningRate: 1e-3 },
    lossScale: LOSS_SCALE,
    stochasticDepth: 0,
    supervisedLearningRate: 1e-3,
    groupSize: 8,
    faceSize: 128,
    full: { faces: 12000, identities: 1000, testFaces: 3000, testIdentities: 250, batch: 64, steps: 10000, globalOnlySteps: 10000, supervisedSteps: 4000 },
    demo: { faces: 4000, identities: 400, testFaces: 960, testIdentities: 120, batch: 64, steps: 600, globalOnlySteps: 600, supervisedSteps: 0 },
  },
  /** The paper's scale: Swin-T (Liu et al. 2021) at 224 pixels, heads as in BYOL with MoBY's recipe. */
  'swin-t': {
    name: 'swin-t',
    backbone: {
      imageSize: 224,
      stem: 'patch',
      embedDim: 96,
      depths: [2, 2, 6, 2],
      heads: [3, 6, 12, 24],
      windowSize: 7,
      mlpRatio: 4,
      poolStages: [1, 2],
      initialStd: 0.02,
    },
    heads: { hiddenDim: 4096, projectionDim: 256 },
    regions: REGIONS,
    objective: OBJECTIVE,
    augmentation: AUGMENTATION,
    optimizer: { ...OPTIMIZER, learningRate: 5e-4 },
    lossScale: LOSS_SCALE,
    // Swin-T's (Liu et al. 2021); MoBY (Xie et al. 2021) has it in the online network only.
    stochasticDepth: 0.2,
    supervisedLearningRate: 5e-4,
    groupSize: 8,
    faceSize: 256,
    full: { faces: 6000, identities: 600, testFaces: 1800, testIdentities: 180, batch: 32, steps: 100000, globalOnlySteps: 100000, supervisedSteps: 20000 },
    demo: { faces: 4000, identities: 400, testFaces: 960, testIdentities: 120, batch: 32, steps: 300, globalOnlySteps: 300, supervisedSteps: 0 },
  },
};

/**
 * The preset of a name.
 * @throws {InputError} naming the presets there are.
 */
export function presetNamed(name: string): Preset {
  const preset = Object.hasOwn(PRESETS, name) ? PRESETS[name] : undefined;
  if (!preset) throw new InputError(`There is no preset "${name}"; expected one of ${Object.keys(PRESETS).join(', ')}.`);
  return preset;
}

/** Side in pixels of what becomes one token of the first stage. */
export function patchSizeOf({ stem, patchSize }: BackboneConfig): number {
  return stem === 'patch' ? (patchSize ?? 4) : 4;
}

/** Channels of a stage (0 is the first). */
export function stageChannels({ embedDim }: BackboneConfig, stage: number): number {
  return embedDim * 2 ** stage;
}

/** Width and height of a stage's map. */
export function stageSize({ imageSize }: BackboneConfig, stage: number): number {
  let size = imageSize / 4;
  for (let merge = 0; merge < stage; merge++) size = Math.ceil(size / 2);
  return size;
}

/** The stages whose normalised maps are used: the pooled ones and the last, which gives the global feature. */
export function usedStages({ poolStages, depths }: BackboneConfig): readonly number[] {
  return [...new Set([...poolStages, depths.length - 1])].sort((a, b) => a - b);
}

/** Length of the global feature: the last stage's channels. */
export function globalFeatureDim(backbone: BackboneConfig): number {
  return stageChannels(backbone, backbone.depths.length - 1);
}

/** Length of one region's feature: the pooled stages' channels together. */
export function regionFeatureDim(backbone: BackboneConfig): number {
  return backbone.poolStages.reduce((sum, stage) => sum + stageChannels(backbone, stage), 0);
}

/**
 * Checks that the numbers of a backbone fit together.
 * @throws {InputError} naming the value and what it must divide.
 */
export function checkBackbone(backbone: BackboneConfig): void {
  const { imageSize, depths, heads, windowSize, poolStages } = backbone;
  if (!Number.isInteger(imageSize) || imageSize % 4 !== 0 || imageSize < 16) {
    throw new InputError(`Image size ${imageSize} cannot be divided into 4x4 patches: expected a multiple of 4, at least 16.`);
  }
  if (!Number.isInteger(windowSize) || windowSize < 2 || windowSize > 12) {
    throw new InputError(`Window size ${windowSize} is not supported: expected 2 to 12.`);
  }
  if (imageSize / 4 < windowSize) {
    throw new InputError(`Image size ${imageSize} gives a ${imageSize / 4}x${imageSize / 4} map, smaller than the ${windowSize}x${windowSize} window.`);
  }
  if ((imageSize / 4) % windowSize !== 0) {
    throw new InputError(
      `Image size ${imageSize} gives a first map of ${imageSize / 4}x${imageSize / 4}, which windows of ${windowSize}x${windowSize} cannot divide: ` +
        `expected an image size that is a multiple of ${4 * windowSize}.`,
    );
  }
  if (depths.length !== heads.length) throw new InputError(`The backbone has ${depths.length} depths and ${heads.length} head counts; expected as many of each.`);
  depths.forEach((_, stage) => {
    const channels = stageChannels(backbone, stage);
    if (channels % heads[stage] !== 0) throw new InputError(`Stage ${stage} has ${channels} channels, which ${heads[stage]} heads cannot divide.`);
  });
  for (const stage of poolStages) {
    if (stage < 0 || stage >= depths.length) throw new InputError(`Pooled stage ${stage} does not exist; the backbone has ${depths.length} stages.`);
  }
}

/**
 * A preset with another width and height of its input in pixels; faces are stored larger by the same factor.
 * @throws {InputError} when patches or windows do not fit
 */
export function withImageSize(preset: Preset, imageSize: number): Preset {
  const backbone = { ...preset.backbone, imageSize };
  checkBackbone(backbone);
  return { ...preset, backbone, faceSize: Math.round((preset.faceSize * imageSize) / preset.backbone.imageSize) };
}
