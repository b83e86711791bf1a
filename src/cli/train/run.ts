/** What `zygo train` does, from the options to the report. */
import { InputError, ZygoError, type Engine } from '../../engine/index.js';
import { BP4D_AUS, DISFA_AUS } from '../../data/action-units.js';
import { encodeSnapshot, type TrainingSnapshot } from '../../model/checkpoint/training-state.js';
import { runExperiment, type ExperimentHooks, type ExperimentResult, type Phase } from '../../model/experiment.js';
import { PRESETS } from '../../model/presets.js';
import type { SelfSupervisedTrainer, StepCosts, StepMetrics } from '../../model/trainer.js';
import { renderF1Table } from '../../report/table.js';
import type { TransportPlan } from '../../report/types.js';
import type { TunedChoices } from '../../tuning/choices.js';
import { openDevice } from '../device.js';
import { CommandFailure, EXIT, sentence } from '../failure.js';
import { FULL_BUDGET_RESULTS } from '../full-budget-results.js';
import { Interrupt } from '../interrupt.js';
import { Progress } from '../progress.js';
import { useChoices } from '../tune/stored.js';
import { actionUnitTiles, attentionTiles, transportFigures } from '../report-figures.js';
import { zygoVersion } from '../version.js';
import { folderData, syntheticData, type TrainingData } from './data.js';
import { budgetInWords, costsInWords, fullBudgetLine, summarise, type WrittenSummary } from './results.js';
import { expectArchitecture, readCheckpoint, resumedOptions } from './resume.js';
import { CHECKPOINT_FILE, defaultRunFolder, RunFolder } from './run-folder.js';
import { resolveSettings, type TrainOptions, type TrainSettings } from './settings.js';

const PHASE_TITLES: Readonly<Record<Phase, string>> = {
  'random-init': 'Random-init baseline: extracting features and fitting probes',
  'self-supervised': 'Self-supervised training',
  'global-only': 'Global-only baseline',
  supervised: 'Supervised upper line',
};

/** "loss -0.412 (global -0.83, region -0.71)". */
function lossText({ loss, terms, collapse: { overflows = 0 } }: StepMetrics): string {
  const parts = Object.entries(terms).map(([name, value]) => `${name} ${value.toFixed(3)}`);
  if (overflows > 0) parts.push(`steps skipped ${overflows}`);
  return `loss ${loss.toFixed(3)} (${parts.join(', ')})`;
}

class TrainingRun {
  private readonly start = performance.now();
  private readonly interrupt: Interrupt;
  private trainer: SelfSupervisedTrainer | null = null;
  private phase: Phase | null = null;
  private phaseStart = 0;
  private plans: TransportPlan[] = [];
  private choices: TunedChoices | null = null;
  private costs: StepCosts | null = null;

  constructor(
    private readonly options: TrainOptions,
    private readonly settings: TrainSettings,
    private readonly folder: RunFolder,
    private readonly snapshot: TrainingSnapshot | undefined,
    private readonly progress: Progress,
    /** Kernel choices of the run that this one goes on from; undefined for a run of its own. */
    private readonly earlierChoices: TunedChoices | null | undefined,
  ) {
    this.interrupt = new Interrupt(
      () => progress.say('Stopping after this step (Ctrl-C again to end at once) ...'),
      () => progress.end(),
    );
  }

  private get seconds(): number {
    return (performance.now() - this.start) / 1000;
  }

  /** Loads the faces, trains, evaluates and writes the folder. */
  async run(): Promise<void> {
    const { settings, progress, folder } = this;
    let engine: Engine | null = null;
    try {
      const { source } = settings;
      let data = source.kind === 'folder' ? await folderData(source.folder, settings, progress) : null;
      const actionUnits = data?.training.actionUnits ?? (source.kind === 'synthetic' && source.statistics === 'disfa' ? DISFA_AUS : BP4D_AUS);
      if (this.snapshot) expectArchitecture(this.snapshot, this.options.resume as string, settings.preset, actionUnits);
      this.introduce(data);
      engine = await openDevice(settings.adapter, (line) => progress.say(line), this.options.subgroupMatrix);
      this.choices = await useChoices(engine, { wanted: this.options.tuned !== false, earlier: this.earlierChoices, say: (line) => progress.say(line), precision: settings.precision });
      if (source.kind === 'synthetic') {
        data = await syntheticData(engine, source.statistics, settings, progress, () => this.interrupt.check(() => 'Stopped before training; nothing was written.'));
      }
      progress.say('Compiling the kernels ...');
      const result = await this.train(engine, data as TrainingData);
      await this.report(engine, data as TrainingData, result);
    } catch (error) {
      await folder.dropIfEmpty();
      throw this.explained(error);
    } finally {
      progress.end();
      this.interrupt.dispose();
      engine?.destroy();
    }
  }

  /** Says what is going to happen. */
  private introduce(data: TrainingData | null): void {
    const { settings, progress, folder } = this;
    const { preset, budget, seed, precision, source } = settings;
    const faces = data
      ? `${data.training.count} faces of ${source.kind === 'folder' ? source.folder : 'synthetic people'}, probed on ${data.test.count} faces of other people`
      : `${budget.faces} synthetic faces of ${budget.identities} people, probed on ${budget.testFaces} faces of ${budget.testIdentities} other people`;
    const goesOn = this.snapshot ? `, going on after step ${this.snapshot.step}` : '';
    progress.say(`Zygo: self-supervised training of facial action units, preset ${preset.name}, seed ${seed}${precision === 'mixed' ? ', mixed precision' : ''}${goesOn}.`);
    progress.say(`${budgetInWords(this.options.budget, this.presetBudget, budget)}; ${faces}.`);
    progress.say(`Run folder: ${folder.path}`);
  }

  private get presetBudget() {
    return PRESETS[this.settings.preset.name][this.options.budget];
  }

  private train(engine: Engine, data: TrainingData): Promise<ExperimentResult> {
    const { settings, progress, interrupt } = this;
    const { preset, budget, seed, precision, accumulate, checkpointActivations, checkpointEvery } = settings;
    const stopped = () => `Stopped. ${this.howToGoOn()}`;
    const hooks: ExperimentHooks & { onTrainer?: (trainer: SelfSupervisedTrainer) => void } = {
      signal: interrupt.signal,
      onTrainer: (trainer) => {
        if (this.trainer === null) this.trainer = trainer;
      },
      onCosts: (costs) => {
        this.costs = costs;
        for (const line of costsInWords(costs)) progress.say(line);
      },
      onPhase: (phase, total) => {
        interrupt.check(stopped);
        this.beginPhase(phase, total);
      },
      onMetrics: async (phase, metrics) => {
        progress.update(metrics.step, lossText(metrics));
        if (phase !== 'self-supervised') return interrupt.check(stopped);
        await this.keep(metrics);
        if (metrics.step % checkpointEvery === 0 && this.trainer) await this.writeCheckpoint(this.trainer);
      },
      onSupervisedStep: (step, loss) => {
        progress.update(step, `loss ${loss.toFixed(3)}`);
        interrupt.check(stopped);
      },
      onTrained: async (trainer) => {
        if (trainer.step > 0) await this.writeCheckpoint(trainer);
        interrupt.check(stopped);
        if (trainer.step > (this.snapshot?.step ?? 0)) this.plans = await transportFigures(trainer, data.training.actionUnits);
        progress.end();
        progress.say('Extracting features and fitting probes ...');
      },
    };
    return runExperiment(engine, { preset, budget, seed, precision, accumulate, checkpointActivations, ...data, resume: this.snapshot }, hooks);
  }

  private beginPhase(phase: Phase, total: number): void {
    const { progress, settings, snapshot } = this;
    const { batch, steps } = settings.budget;
    this.phase = phase;
    this.phaseStart = performance.now();
    if (total === 0) {
      progress.end();
      progress.say(`${PHASE_TITLES[phase]} ...`);
      return;
    }
    const from = phase === 'self-supervised' ? (snapshot?.step ?? 0) : 0;
    const until = phase === 'self-supervised' ? steps : total;
    progress.begin(PHASE_TITLES[phase], until, { unit: 'steps', perCount: batch, rateUnit: 'faces' }, from);
  }

  /** Keeps the metrics of a self-supervised step; the first one makes the run folder. */
  private async keep({ step, loss, terms, collapse, learningRate }: StepMetrics): Promise<void> {
    const { settings, snapshot, folder } = this;
    await this.makeFolder();
    const done = step - (snapshot?.step ?? 0);
    const samplesPerSecond = (done * settings.budget.batch) / ((performance.now() - this.phaseStart) / 1000);
    await folder.addMetrics({ step, loss, terms, collapse, learningRate, samplesPerSecond, elapsedSeconds: this.seconds });
  }

  private async makeFolder(): Promise<void> {
    const { folder, options, settings } = this;
    if (folder.isStarted) return;
    const { preset, budget } = settings;
    const { resume, out, verbose, ...kept } = options;
    await folder.start({ zygo: zygoVersion(), node: process.version, platform: `${process.platform} ${process.arch}`, options: kept, preset, budget, tuned: this.choices });
  }

  private async writeCheckpoint(trainer: SelfSupervisedTrainer): Promise<void> {
    await this.makeFolder();
    await this.folder.writeCheckpoint(encodeSnapshot(await trainer.snapshot()));
  }

  private howToGoOn(): string {
    const { lastCheckpoint } = this.folder;
    if (!lastCheckpoint) return 'No step was done and nothing was written.';
    // npm tells a script which one it is.
    const command = ['zygo', 'demo'].includes(process.env.npm_lifecycle_event ?? '') ? 'npm run zygo --' : 'zygo';
    return `The checkpoint is ${lastCheckpoint}. To go on: ${command} train --resume ${lastCheckpoint}`;
  }

  private async report(engine: Engine, data: TrainingData, result: ExperimentResult): Promise<void> {
    const { folder, options, settings, progress } = this;
    progress.end();
    await this.makeFolder();
    const budgetNote = budgetInWords(options.budget, this.presetBudget, settings.budget);
    const summary = summarise(engine, settings, data, result, { wallSeconds: this.seconds, budgetNote, costs: this.costs });
    await folder.write('summary.json', `${JSON.stringify(summary, null, 2)}\n`);
    const report = await folder.write('report.html', await this.page(engine, data, summary));
    progress.say('');
    progress.say(`F1 on ${data.test.count} faces of people that training never saw:`);
    progress.say('');
    progress.say(renderF1Table(summary));
    progress.say('');
    if (settings.source.kind === 'synthetic' && options.budget === 'demo') {
      progress.say(fullBudgetLine(settings.preset.name, settings.source.statistics, FULL_BUDGET_RESULTS));
    }
    progress.say(`${result.steps} steps, ${result.samplesPerSecond.toFixed(1)} faces/s in training, ${this.seconds.toFixed(0)} s in all.`);
    progress.say(`Run folder: ${folder.path} (${CHECKPOINT_FILE}, metrics.jsonl, summary.json, config.json)`);
    progress.say(`Report: ${report}`);
  }

  private async page(engine: Engine, data: TrainingData, summary: WrittenSummary): Promise<string> {
    const { settings, folder, plans } = this;
    // Not at the start: the chart library takes half a second, which every refused option would wait for.
    const { renderReport } = await import('../../report/html.js');
    // Person 0 stands among the training people; the sheet shows what the labels mean, not what was learned.
    const auTiles = settings.source.kind === 'synthetic' ? await actionUnitTiles(engine, 0) : null;
    return renderReport({
      summary,
      metrics: folder.metrics,
      contactSheet: { tiles: await attentionTiles(engine, settings.preset, data.test) },
      ...(auTiles ? { auSheet: { tiles: auTiles } } : {}),
      ...(plans.length > 0 ? { transportPlans: plans } : {}),
    });
  }

  /** Adds to a failure on the way what is kept of the run. */
  private explained(error: unknown): unknown {
    if (this.phase === null || !(error instanceof ZygoError) || error instanceof CommandFailure || error instanceof InputError) return error;
    const { lastCheckpoint } = this.folder;
    const kept = lastCheckpoint ? `The last checkpoint is ${lastCheckpoint}.` : 'No checkpoint had been written yet.';
    return new CommandFailure(EXIT.failed, `${sentence(error.message)} ${kept}`, { cause: error });
  }
}

/**
 * Runs `zygo train`.
 * @param given names of the options that were given on the command line
 * @throws {InputError} and CommandFailure: one sentence each, see failure.ts for the exit codes
 */
export async function runTraining(asked: TrainOptions, given: ReadonlySet<string>): Promise<void> {
  let options = asked;
  let earlier: string | null = null;
  let snapshot: TrainingSnapshot | undefined;
  let choices: TunedChoices | null | undefined;
  if (asked.resume !== undefined) {
    snapshot = await readCheckpoint(asked.resume);
    ({ options, folder: earlier, tuned: choices } = await resumedOptions(asked, given));
  }
  const settings = resolveSettings(options, given);
  if (snapshot && snapshot.step > settings.budget.steps) {
    throw new InputError(
      `The checkpoint ${asked.resume} is of step ${snapshot.step}, after the ${settings.budget.steps} steps of this run: expected --steps of at least ${snapshot.step}.`,
    );
  }
  const folder =
    snapshot && earlier !== null && options.out === undefined
      ? await RunFolder.goOn(earlier, snapshot.step)
      : await RunFolder.plan(options.out ?? defaultRunFolder(settings.preset.name, settings.seed));
  await new TrainingRun(options, settings, folder, snapshot, new Progress(), choices).run();
}
