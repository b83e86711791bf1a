/** What `zygo tune` does. */
import { InputError, type Engine } from '../../engine/index.js';
import { BP4D_AUS, DISFA_AUS } from '../../data/action-units.js';
import { presetNamed, type Preset } from '../../model/presets.js';
import { FileTuningStore } from '../../platform/node/tuning-store.js';
import { shaderSources } from '../../shaders.generated.js';
import { capturePresetSteps } from '../../tuning/preset.js';
import { recordKey, type TuningSet } from '../../tuning/record.js';
import { mergedRecords } from '../../tuning/summary.js';
import type { TracedProblem } from '../../tuning/trace.js';
import { storingEach } from '../../tuning/store.js';
import { tuneStep } from '../../tuning/tune.js';
import { openDevice } from '../device.js';
import { CommandFailure, EXIT, sentence } from '../failure.js';
import { reasonOf } from '../folders.js';
import { Interrupt } from '../interrupt.js';
import { Progress } from '../progress.js';
import { expectWritableFile, writeReport } from '../report-file.js';
import type { TrainOptions } from '../train/settings.js';
import { environmentHere, storedRecords } from './stored.js';
import { summaryLine, tableLines } from './table.js';

/** Options of `zygo tune`, as read. */
export interface TuneCommandOptions extends Pick<TrainOptions, 'preset' | 'batch' | 'precision' | 'statistics' | 'subgroupMatrix' | 'adapter' | 'verbose'> {
  readonly filter?: string;
  readonly json?: string;
  readonly retune: boolean;
}

/**
 * Waits for a store; gives where it is.
 * @throws {CommandFailure} when it cannot be
 */
async function saved(storing: Promise<string>): Promise<string> {
  try {
    return await storing;
  } catch (cause) {
    throw new CommandFailure(EXIT.failed, `The tuned kernel choices cannot be stored (${reasonOf(cause)}): expected a cache folder that can be written; ZYGO_CACHE names another one.`, { cause });
  }
}

/** The preset with the AUs of the chosen statistics. */
function presetFor({ preset, statistics }: TuneCommandOptions): Preset {
  const named = presetNamed(preset);
  return { ...named, regions: { ...named.regions, actionUnits: statistics === 'disfa' ? DISFA_AUS : BP4D_AUS } };
}

/**
 * Measures the kernel choices of a preset's training step on this machine's adapter, prints them and stores them.
 * @throws {InputError} when an option cannot be used
 * @throws {CommandFailure} when there is no adapter, the winners cannot be stored, a candidate gave wrong results, or
 *   Ctrl-C was pressed; what was measured until then is stored in each case
 */
export async function runTune(options: TuneCommandOptions): Promise<void> {
  const { adapter, subgroupMatrix, filter, json, retune } = options;
  const preset = presetFor(options);
  if (json !== undefined) await expectWritableFile(json);
  const progress = new Progress(process.stderr);
  const say = (line: string): void => progress.say(line);
  const interrupt = new Interrupt(() => say('Stopping after this problem (Ctrl-C again to end at once) ...'), () => progress.end());
  const held = (traced: TracedProblem): boolean => filter === undefined || filter.split('|').some((part) => recordKey(traced).includes(part));
  try {
    const first = await openDevice(adapter, say, subgroupMatrix);
    let unused: Engine | null = first;
    const environment = environmentHere(first);
    const stored = await storedRecords(first, say);
    const keep = storingEach(new FileTuningStore(), environment, stored);
    let place = 'Nothing new to store.';
    let problems = 0;
    const { records, measured, failed } = await tuneStep((engine) => capturePresetSteps(engine, preset, options.batch ?? preset.full.batch, options.precision), {
      open: async () => {
        const engine = unused ?? (await openDevice(adapter, () => {}, subgroupMatrix));
        unused = null;
        return engine;
      },
      sources: shaderSources,
      // The same question once answered gets the same answer, whatever the clock says today.
      known: retune ? [] : stored,
      wanted: held,
      signal: interrupt.signal,
      onMeasured: async (record) => {
        place = `Stored in ${await saved(keep(record))}.`;
      },
      onProblem: (_problem, _record, done, total) => {
        if (done === 1) progress.begin('Kernel choices', total, { unit: 'problems' });
        problems += 1;
        progress.update(done);
      },
    });
    progress.end();
    if (problems === 0 && !interrupt.signal.aborted) {
      throw new InputError(`--filter "${filter ?? ''}" leaves no problem of the preset ${preset.name}: expected a part of a family or of its sizes, such as matmul, or several with | between them.`);
    }
    const set: TuningSet = { format: 1, environment, records: mergedRecords(stored, records) };
    const print = (line: string): void => void process.stdout.write(`${line}\n`);
    for (const line of tableLines(records)) print(line);
    for (const { family, problem, reason } of failed) print(`${family} ${problem}: not measured (${sentence(reason)})`);
    print('');
    print(summaryLine(records, measured, failed.length, place));
    if (json !== undefined) await writeReport(json, `${JSON.stringify({ ...set, records, failed }, null, 2)}\n`);
    interrupt.check(() => 'Stopped. What was measured until then is stored; run zygo tune again to go on.');
    const wrong = records.flatMap((record) => record.candidates.filter(({ note }) => note.startsWith('wrong')).map(({ variant }) => `${record.family}=${variant}`));
    if (wrong.length > 0) {
      throw new CommandFailure(EXIT.failed, `These variants gave wrong results on this adapter and are not used: ${[...new Set(wrong)].join(', ')}. Run zygo verify and report it.`);
    }
  } finally {
    progress.end();
    interrupt.dispose();
  }
}
