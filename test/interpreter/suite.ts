/** The race tests of one folder of kernels. */
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { openTestEngine } from '../helpers.js';
import { shaderSources } from '../../src/shaders.generated.js';
import { RACE_CASES } from './cases.js';
import { examine } from './compare.js';
import { WRONG_VALUES } from './exceptions.js';
import { BARRIER } from './place.js';
import { launchesOf, type Launch } from './record.js';

/** Compute kernels that need no optional feature, by name; `folder` limits them. */
export function baseKernels(folder?: string): string[] {
  return Object.entries(shaderSources)
    .filter(([name, source]) => source.includes('@compute') && !/^enable /m.test(source) && (!folder || name.startsWith(`${folder}/`)))
    .map(([name]) => name);
}

/** The source without its barrier number `index`. */
function withoutBarrier(source: string, index: number): string {
  let seen = 0;
  return source.replace(BARRIER, (barrier) => (seen++ === index ? '' : barrier));
}

/** Small launches first. */
const effort = ({ workgroups: [x, y, z], before: tensors }: Launch) =>
  x * y * z * Object.values(tensors).reduce((total, bytes) => total + bytes.byteLength, 0);

/** Defines the tests of the kernels in a folder below shaders/. */
export function testRaces(folder: string): void {
  const launches = new Map<string, Launch[]>();

  before(async () => {
    const engine = await openTestEngine();
    try {
      for (const launch of await launchesOf(engine, RACE_CASES[folder])) launches.set(launch.shader, [...(launches.get(launch.shader) ?? []), launch]);
    } finally {
      engine.destroy();
    }
    for (const list of launches.values()) list.sort((one, other) => effort(one) - effort(other));
  });

  for (const shader of baseKernels(folder)) {
    test(`${shader} has no races and gives the device's results in the interpreter`, () => {
      const list = launches.get(shader) ?? [];
      assert.notEqual(list.length, 0, `no case launches ${shader}`);
      const wrong: string[] = [];
      for (const launch of list) {
        const { races, values } = examine(launch);
        assert.deepEqual(races, [], launch.name);
        if (!(shader in WRONG_VALUES)) assert.deepEqual(values, [], launch.name);
        wrong.push(...values);
      }
      if (shader in WRONG_VALUES) assert.notDeepEqual(wrong, [], `${shader} comes out right: take it off the list of exceptions`);
    });

    const barriers = shaderSources[shader].match(BARRIER)?.length ?? 0;
    for (let index = 0; index < barriers; index++) {
      test(`${shader} without barrier ${index + 1} of ${barriers} is noticed`, () => {
        const noticed = (launches.get(shader) ?? []).some((launch) => {
          const { races, values } = examine(launch, withoutBarrier(launch.source, index), { first: true });
          return races.length + (shader in WRONG_VALUES ? 0 : values.length) > 0;
        });
        assert.ok(noticed, 'nothing differs without this barrier: it is superfluous, or a case is missing that needs it');
      });
    }
  }
}
