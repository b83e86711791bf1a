/** A finished run of a preset's full budget on synthetic faces: figures of its summary.json. */
export interface FullBudgetResult {
  readonly preset: string;
  /** Which published AU statistics the faces follow, see `--statistics`. */
  readonly statistics: 'bp4d' | 'disfa';
  readonly seed: number;
  /** As the command line named it, for example "SwiftShader Device". */
  readonly adapter: string;
  /** Day of the run, YYYY-MM-DD. */
  readonly date: string;
  readonly wallSeconds: number;
  /** Macro F1 on held-out people, 0..1, with all labels. */
  readonly model: number;
  /** The same of the untrained network, and of saying "present" for every face. */
  readonly randomInit: number;
  readonly alwaysPositive: number;
}

/**
 * Measured results of full budgets, one row per run; the demo names them beside its own. Only figures from summary.json of a
 * finished run belong here.
 */
export const FULL_BUDGET_RESULTS: readonly FullBudgetResult[] = [
  { preset: 'tiny', statistics: 'bp4d', seed: 1, adapter: 'SwiftShader driver 5.0.0', date: '2026-11-23', wallSeconds: 2554, model: 0.6659, randomInit: 0.6025, alwaysPositive: 0.4725 },
  { preset: 'tiny', statistics: 'bp4d', seed: 2, adapter: 'SwiftShader driver 5.0.0', date: '2026-11-23', wallSeconds: 1958, model: 0.6650, randomInit: 0.5967, alwaysPositive: 0.4845 },
  { preset: 'tiny', statistics: 'bp4d', seed: 3, adapter: 'SwiftShader driver 5.0.0', date: '2026-11-23', wallSeconds: 2144, model: 0.6698, randomInit: 0.5989, alwaysPositive: 0.4727 },
];
