export { adamw, adamwHyper, clipScale, ema, type AdamWArguments } from './adamw.js';
export { checkLossScale, clipScaledGradients, initialLossScale, scaledSeeds, LOSS_SCALE, LOSS_SCALE_STATE, STEP_OUTCOME, type LossScaleOptions } from './loss-scale.js';
