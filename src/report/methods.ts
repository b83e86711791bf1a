/** Names and explanations of the model and its baselines, the same in the terminal and in the report. */
import { METHODS, type Method, type MethodScores, type RunSummary } from './types.js';

/** How a method is called where its scores are shown. */
export interface MethodText {
  readonly name: string;
  /** At most 8 letters, for table headers. */
  readonly short: string;
  /** Half a sentence, without a full stop. */
  readonly meaning: string;
}

/** The words for every method. */
export const METHOD_TEXTS: Readonly<Record<Method, MethodText>> = {
  model: {
    name: 'This model',
    short: 'Model',
    meaning: 'self-supervised features, a linear probe on top',
  },
  alwaysPositive: {
    name: 'Always positive',
    short: 'Always+',
    meaning: 'says "present" for every face; a useful model must be above it',
  },
  randomInit: {
    name: 'Random init',
    short: 'Random',
    meaning: 'the same network before any training, with the same probe',
  },
  globalOnly: {
    name: 'Global-only SSL',
    short: 'Global',
    meaning: 'self-supervision with the global loss alone, no regions, no relations',
  },
  supervised: {
    name: 'Supervised',
    short: 'Superv.',
    meaning: 'the same network trained on all labels: about the best to hope for',
  },
};

/** The methods that a summary has scores of, in the order of {@link METHODS}. */
export function methodsOf({ scores }: RunSummary): { method: Method; scores: MethodScores; text: MethodText }[] {
  return METHODS.flatMap((method) => {
    const own = scores[method];
    return own ? [{ method, scores: own, text: METHOD_TEXTS[method] }] : [];
  });
}

/** A share of 0..1 as per cent with one decimal, as the field prints F1: 0.5612 is "56.1". */
export function percent(share: number): string {
  return Number.isFinite(share) ? (share * 100).toFixed(1) : '–';
}
