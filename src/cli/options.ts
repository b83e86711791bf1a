/** Readers of option values: each takes the text of an option and names option, value and expectation when it is wrong. */
import { Option } from 'commander';
import { InputError } from '../engine/errors.js';
import type { ObjectiveConfig } from '../model/presets.js';

/** Largest seed: the device takes 32 bits. */
export const MAX_SEED = 2 ** 32 - 1;

/**
 * Reads a whole number.
 * @param option how the option is written, for the message
 * @returns a reader of the option's text
 * @throws {InputError} from the reader, when the text is no whole number from `least` to `most`
 */
export function wholeNumber(option: string, least: number, most = 1_000_000_000): (text: string) => number {
  return (text) => {
    const value = /^[+-]?\d+$/.test(text) ? Number(text) : NaN;
    if (value >= least && value <= most) return value;
    throw new InputError(`Option ${option} is "${text}": expected a whole number from ${least} to ${most}.`);
  };
}

/**
 * Reads a number of at least 0, such as 2e-5.
 * @returns a reader of the option's text
 * @throws {InputError} from the reader, when the text is no such number
 */
export function numberFromZero(option: string): (text: string) => number {
  return (text) => {
    const value = /^\+?\d*\.?\d+(e[+-]?\d+)?$/i.test(text) ? Number(text) : NaN;
    if (value >= 0 && Number.isFinite(value)) return value;
    throw new InputError(`Option ${option} is "${text}": expected a number from 0, such as 2e-5.`);
  };
}

/**
 * Reads one word of a list.
 * @returns a reader of the option's text
 * @throws {InputError} from the reader, when the text is none of the words
 */
export function oneOf<T extends string>(option: string, words: readonly T[]): (text: string) => T {
  return (text) => {
    const found = words.find((word) => word === text);
    if (found) return found;
    throw new InputError(`Option ${option} is "${text}": expected one of ${words.join(', ')}.`);
  };
}

/** The losses that --loss-weights can weigh. */
export const LOSS_NAMES = ['global', 'region', 'contrast', 'relation'] as const satisfies readonly (keyof ObjectiveConfig)[];

/** Weights by loss; a loss left out keeps its preset's weight. */
export type LossWeights = Partial<Record<(typeof LOSS_NAMES)[number], number>>;

/**
 * Reads "global=0.25,region=1".
 * @throws {InputError} when a part names no loss or one for the second time, or its weight is no number from 0
 */
export function lossWeights(text: string): LossWeights {
  const weights: LossWeights = {};
  for (const part of text.split(',')) {
    const [name, value = ''] = part.split('=').map((piece) => piece.trim());
    const loss = LOSS_NAMES.find((known) => known === name);
    if (!loss || weights[loss] !== undefined) {
      throw new InputError(
        `Option --loss-weights has "${part}": expected ${LOSS_NAMES.join(', ')}, each at most once, as in global=0.25,region=1.`,
      );
    }
    const weight = /^\d*\.?\d+(e[+-]?\d+)?$/i.test(value) ? Number(value) : NaN;
    if (!Number.isFinite(weight)) {
      throw new InputError(`Option --loss-weights gives ${loss} the weight "${value}": expected a number from 0.`);
    }
    weights[loss] = weight;
  }
  return weights;
}

// Options that several commands share.

/** `--verbose`: with stack traces, off by default. */
export const verboseOption = (): Option => new Option('--verbose', 'show stack traces, and more about the run').default(false);

/** `--seed`: a whole number of 32 bits; `fallback` is its default. */
export const seedOption = (fallback: number): Option =>
  new Option('--seed <number>', 'what everything random follows from; the same seed on the same adapter gives the same run')
    .argParser(wholeNumber('--seed', 0, MAX_SEED))
    .default(fallback);

/** `--adapter`: what `findNodeGpu` is asked for, "auto" by default. */
export const adapterOption = (): Option =>
  new Option('--adapter <kind>', 'auto: a GPU where there is one; software: the bundled CPU adapter, slow')
    .argParser(oneOf('--adapter', ['auto', 'software'] as const))
    .default('auto');

/** `--subgroup-matrix`: see `openEngine`; off by default. */
export const subgroupMatrixOption = (): Option =>
  new Option('--subgroup-matrix', "let products of f16 use Dawn's experimental subgroup matrices (tensor cores), where the adapter has them").default(false);

/** `--statistics`: the AU frequencies of synthetic faces (src/data/faces/au-statistics.ts), "bp4d" by default. */
export const statisticsOption = (): Option =>
  new Option('--statistics <name>', 'which published AU statistics synthetic faces follow: bp4d (12 AUs) or disfa (8 AUs)')
    .argParser(oneOf('--statistics', ['bp4d', 'disfa'] as const))
    .default('bp4d');
