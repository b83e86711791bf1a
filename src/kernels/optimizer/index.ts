export { adamw, adamwHyper, clipScale, ema, type AdamWArguments } from './adamw.js';
