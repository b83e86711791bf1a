/** What a run found, as summary.json has it. */
import type { Engine } from '../../engine/index.js';
import type { Evaluation } from '../../model/evaluation.js';
import type { ExperimentResult } from '../../model/experiment.js';
import type { Budget } from '../../model/presets.js';
import type { StepCosts } from '../../model/trainer.js';
import { runSummarySchema } from '../../report/summary-schema.js';
import type { MethodScores, RunSummary } from '../../report/types.js';
import type { FullBudgetResult } from '../full-budget-results.js';
import { clock } from '../progress.js';
import { gitCommit } from '../version.js';
import type { TrainingData } from './data.js';
import type { TrainSettings } from './settings.js';

/** Scores of one set of features, from its two probes. */
export function scoresOf({ allLabels, tenPercent }: Evaluation): MethodScores {
  return {
    perAu: allLabels.perAu.map(({ f1 }) => f1),
    macro: allLabels.macroF1,
    perAuAtHalf: allLabels.perAu.map(({ f1AtHalf }) => f1AtHalf),
    macroAtHalf: allLabels.macroF1AtHalf,
    macroTenPercent: tenPercent.macroF1,
  };
}

/** How many people a dataset shows. */
function people(identities: Int32Array): number {
  return new Set(identities).size;
}

/** Where the faces come from, in words. */
export function datasetInWords({ training, test }: TrainingData): string {
  return (
    `${training.count} training faces of ${people(training.identities)} people (${training.source}); ` +
    `${test.count} test faces of ${people(test.identities)} other people (${test.source})`
  );
}

/** What limited the run, in words. */
export function budgetInWords(name: 'full' | 'demo', preset: Budget, { steps, batch }: Budget): string {
  const changed = preset.steps !== steps || preset.batch !== batch;
  return `${name} budget${changed ? ', changed by options' : ''}: ${steps} steps of ${batch} faces`;
}

function mebibytes(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed(0)} MiB`;
}

/** What a step costs, a line for its work and one for its memory. */
export function costsInWords({ parameters, dispatches, gigaflops, peakBytes, lowerBoundBytes, residentBytes }: StepCosts): string[] {
  return [
    `Model: ${(parameters / 1e6).toFixed(2)} million parameters; a step: ${dispatches} launches, ${gigaflops.toFixed(1)} GFLOP.`,
    `Memory: ${mebibytes(peakBytes + residentBytes)}, of which the step ${mebibytes(peakBytes)} (no plan could do with less than ` +
      `${mebibytes(lowerBoundBytes)}), parameters, optimiser and faces ${mebibytes(residentBytes)}.`,
  ];
}

/** summary.json: what the schema says, and the commit. */
export type WrittenSummary = RunSummary & { readonly commit: string | null };

/**
 * The summary of a finished run.
 * @param wallSeconds length of the whole run; costs of a step where one was prepared
 */
export function summarise(
  engine: Engine,
  { preset, seed, precision }: TrainSettings,
  data: TrainingData,
  result: ExperimentResult,
  { wallSeconds, budgetNote, costs }: { wallSeconds: number; budgetNote: string; costs: StepCosts | null },
): WrittenSummary {
  const { vendor, architecture, device, description, software } = engine.info;
  const { perAu, macroF1 } = result.alwaysPositive;
  const summary: RunSummary = {
    title: `Zygo ${preset.name}, seed ${seed}`,
    adapter: { vendor, architecture, device, description, software },
    seed,
    preset: preset.name,
    precision,
    date: new Date().toISOString(),
    dataset: datasetInWords(data),
    actionUnits: data.test.actionUnits,
    prevalence: result.model.allLabels.perAu.map(({ prevalence }) => prevalence),
    scores: {
      model: scoresOf(result.model),
      alwaysPositive: { perAu, macro: macroF1 },
      randomInit: scoresOf(result.randomInit),
      ...(result.globalOnly ? { globalOnly: scoresOf(result.globalOnly) } : {}),
      ...(result.supervised ? { supervised: scoresOf(result.supervised) } : {}),
    },
    wallSeconds,
    samplesPerSecond: result.samplesPerSecond,
    steps: result.steps,
    budgetNote,
    ...(costs ? { memory: { residentBytes: costs.residentBytes, peakBytes: costs.peakBytes, lowerBoundBytes: costs.lowerBoundBytes } } : {}),
  };
  return { ...runSummarySchema.parse(summary), commit: gitCommit() };
}

/** One line with what the full budget of a preset gave where it was measured. */
export function fullBudgetLine(preset: string, statistics: 'bp4d' | 'disfa', measured: readonly FullBudgetResult[]): string {
  const rows = measured.filter((row) => row.preset === preset && row.statistics === statistics);
  const command = `zygo train --preset ${preset}${statistics === 'bp4d' ? '' : ` --statistics ${statistics}`}`;
  if (rows.length === 0) return `The full budget (${command}) trains longer; its result has not been measured yet.`;
  const percent = (pick: (row: FullBudgetResult) => number) => (100 * (rows.reduce((sum, row) => sum + pick(row), 0) / rows.length)).toFixed(1);
  const spread = rows.map(({ model }) => (100 * model).toFixed(1)).join(', ');
  const longest = Math.max(...rows.map(({ wallSeconds }) => wallSeconds));
  const adapters = [...new Set(rows.map(({ adapter }) => adapter))].join(', ');
  const days = [...new Set(rows.map(({ date }) => date))].join(', ');
  return (
    `The full budget (${command}) gave macro F1 ${percent((row) => row.model)} ` +
    `(${rows.length === 1 ? `seed ${rows[0].seed}` : `seeds ${rows.map(({ seed }) => seed).join(', ')}: ${spread}`}), random init ` +
    `${percent((row) => row.randomInit)}, always positive ${percent((row) => row.alwaysPositive)}, in up to ${clock(longest)} each on ${adapters} (${days}).`
  );
}
