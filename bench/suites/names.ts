/** The suites' names, for the command line and the harness. */
export const SUITES = ['quick', 'kernels', 'training', 'peers', 'full'] as const;

/** The name of a suite. */
export type SuiteName = (typeof SUITES)[number];

/** True for suites that measure other libraries too. */
export function hasPeers(suite: SuiteName): boolean {
  return suite === 'peers' || suite === 'full';
}
