/** `bench` on the command line's side, with a host of the test's own in place of a device. */
import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import type { RunEvent } from '../bench/harness/result.js';
import { parseResult, type BenchResult } from '../bench/harness/schema.js';
import type { BenchHost } from '../bench/node/host.js';
import { measure, type BenchCommandOptions } from '../bench/node/run.js';
import { Interrupt } from '../src/cli/interrupt.js';
import { InputError } from '../src/engine/errors.js';
import { result, row } from './bench-results.js';
import { inFolder } from './cli-process.js';

/** Tells a result's head, then its rows as one group each; counts the groups. */
function hostOf({ rows, ...head }: BenchResult): BenchHost & { readonly told: string[] } {
  const told: string[] = [];
  return {
    told,
    list: () => Promise.resolve([]),
    run(_request, tell) {
      // What the callback throws rejects, as in runSuite.
      return Promise.resolve().then(() => {
        tell({ kind: 'begin', head, groups: rows.map(({ group }) => group) });
        for (const row of rows) {
          told.push(row.group);
          tell({ kind: 'group', name: row.group, rows: [row], comparisons: [], canaries: { of: 0, outOfBand: 0, discarded: 0 } } satisfies RunEvent);
        }
      });
    },
    close: () => Promise.resolve(),
  };
}

/** Goes on with `earlier` in a file, on a host that measures `later`. */
async function goOn(json: string, earlier: BenchResult, host: BenchHost): Promise<void> {
  const { suite, filter } = earlier;
  await writeFile(json, JSON.stringify(earlier));
  const request = { suite: 'quick' as const, filter, without: [], tuned: false, samples: 3, seconds: 1, flushMib: null, runLimit: 1, peers: [] };
  const options: BenchCommandOptions = { ...request, suite: request.suite, filter: undefined, seconds: 1, flushMib: undefined, list: false, json, continue: true, withoutRobustness: false, subgroupMatrix: false, chrome: false, chromeSwitch: [], adapter: 'auto', verbose: false };
  assert.equal(suite, options.suite);
  const interrupt = new Interrupt(() => {}, () => {});
  try {
    await measure(host, request, options, earlier, interrupt);
  } finally {
    interrupt.dispose();
  }
}

test('--continue refuses a file of another commit before it measures, and leaves the file as it was', () =>
  inFolder(async (folder) => {
    const json = join(folder, 'x.json');
    const earlier = result([row('a')]);
    const later = result([row('b')]);
    const host = hostOf({ ...later, environment: { ...later.environment, commit: 'abc', flags: [] } });
    await assert.rejects(goOn(json, earlier, host), (error: Error) => error instanceof InputError && /x\.json, the commit was not known and is abc; the list of flags was a flag and is none: expected/.test(error.message));
    assert.deepEqual(host.told, []);
    assert.deepEqual(parseResult(await readFile(json, 'utf8'), json), earlier);
  }));

test('--continue adds what it measures to a file of the same device', () =>
  inFolder(async (folder) => {
    const json = join(folder, 'x.json');
    await goOn(json, result([row('a')]), hostOf(result([row('b')])));
    assert.deepEqual(parseResult(await readFile(json, 'utf8'), json).rows.map(({ id }) => id), ['a', 'b']);
  }));
