export { classifierSpecs, classify, type ClassifierConfig } from './swin-classifier.js';
