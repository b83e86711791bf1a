/** The suites' names, for the command line and the harness. */
export const SUITES = ['quick', 'kernels', 'training', 'full'] as const;

export type SuiteName = (typeof SUITES)[number];
