/**
 * Measured results of full budgets on synthetic faces, one row per run; the demo names them beside its own. Only
 * figures from summary.json of a finished run belong here.
 */
export interface FullBudgetResult {
  readonly preset: string;
  readonly statistics: 'bp4d' | 'disfa';
  readonly seed: number;
  /** As the command line named it, for example "SwiftShader Device". */
  readonly adapter: string;
  /** Day of the run, YYYY-MM-DD. */
  readonly date: string;
  readonly wallSeconds: number;
  /** Macro F1 on held-out people, 0..1, with all labels. */
  readonly model: number;
  readonly randomInit: number;
  readonly alwaysPositive: number;
}

export const FULL_BUDGET_RESULTS: readonly FullBudgetResult[] = [];
