export { augmentImages, augmentLandmarks, type AugmentImagesOptions } from './apply.js';
export { checkAugmentation, type AugmentationOptions } from './options.js';
export { augmentationParameters, identityGeometry, type Augmentation, type AugmentationRequest } from './parameters.js';
