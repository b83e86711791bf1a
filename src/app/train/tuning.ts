/** Tuned kernel choices in the browser: stored in IndexedDB, measured when a person asks for it. */
import type { Engine } from '../../engine/index.js';
import { presetNamed } from '../../model/presets.js';
import { IndexedDbTuningStore } from '../../platform/browser/tuning-store.js';
import { shaderSources } from '../../shaders.generated.js';
import { capturePresetSteps, choicesOf, currentRecords, lookupOf, mergedRecords, storingEach, summaryOf, tuneStep, tuningEnvironment, type TuningEnvironment, type TuningRecord, type TuningSummary } from '../../tuning/index.js';
import type { TrainSettings } from './settings.js';

const store = new IndexedDbTuningStore();

/** The page has no version of its own, and says what it is in its place: every record carries the hash of the kernels that it is about. */
function environmentOf(engine: Engine): TuningEnvironment {
  return tuningEnvironment(engine, { runtime: navigator.userAgent, zygo: 'Train page' });
}

/** Stored records of an engine's adapter whose kernels are still the same; what cannot be used goes to the console. */
async function storedRecords(engine: Engine): Promise<TuningRecord[]> {
  const { set, problem } = await store.load(environmentOf(engine));
  if (problem !== null) console.info(problem);
  return set ? currentRecords(set, shaderSources) : [];
}

/** What is stored for an engine's adapter, or null. */
export async function storedSummary(engine: Engine): Promise<TuningSummary | null> {
  return summaryOf(await storedRecords(engine));
}

/** Puts what is stored for an engine's adapter in force. */
export async function useStored(engine: Engine): Promise<void> {
  const choices = choicesOf(await storedRecords(engine));
  engine.useTuned(choices && lookupOf(choices));
}

/** Takes away what is stored for an engine's adapter. */
export async function clearStored(engine: Engine): Promise<void> {
  await store.remove(environmentOf(engine));
}

/**
 * Measures the choices of the settings' preset, batch and precision that are not stored yet, and stores each at once:
 * whatever ends it, a closed page too, leaves what was measured.
 * @param open a new engine on the adapter
 * @param signal stops after the problem that is being measured
 */
export async function tune(
  open: () => Promise<Engine>,
  { preset, batch, precision }: Pick<TrainSettings, 'preset' | 'batch' | 'precision'>,
  onProgress: (done: number, total: number) => void,
  signal: AbortSignal,
): Promise<TuningSummary | null> {
  let first: Engine | null = await open();
  const environment = environmentOf(first);
  const known = await storedRecords(first);
  const keep = storingEach(store, environment, known);
  const { records } = await tuneStep((engine) => capturePresetSteps(engine, presetNamed(preset), batch, precision), {
    open: async () => {
      const engine = first ?? (await open());
      first = null;
      return engine;
    },
    sources: shaderSources,
    known,
    onMeasured: async (record) => void (await keep(record)),
    onProblem: (_problem, _record, done, total) => onProgress(done, total),
    signal,
  });
  return summaryOf(mergedRecords(known, records));
}
