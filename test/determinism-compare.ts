/** Comparison of two training runs, bit by bit. */
import assert from 'node:assert/strict';
import { decodeSnapshot } from '../src/model/checkpoint/training-state.js';
import type { RunResult } from './determinism-run.js';

/** Names of what differs between two runs in any bit: tensors of the checkpoint and logged steps. */
export function differences(one: RunResult, other: RunResult): string[] {
  const names: string[] = [];
  const [first, second] = [one, other].map(({ checkpoint }) => decodeSnapshot(checkpoint, 'checkpoint'));
  assert.equal(first.step, second.step, 'both runs must have ended at the same step');
  assert.deepEqual([...first.tensors.keys()], [...second.tensors.keys()]);
  for (const [name, { data }] of first.tensors) {
    const bits = (values: ArrayBufferView) => Buffer.from(values.buffer, values.byteOffset, values.byteLength);
    if (!bits(data as Float32Array).equals(bits(second.tensors.get(name)?.data as Float32Array))) names.push(name);
  }
  assert.deepEqual(
    one.metrics.map(({ step }) => step),
    other.metrics.map(({ step }) => step),
  );
  // Object.is tells 0 from -0; NaN never gets here, the trainer stops on it.
  const numbers = ({ loss, learningRate, terms, collapse }: RunResult['metrics'][number]) => [loss, learningRate, ...Object.values(terms), ...Object.values(collapse)];
  one.metrics.forEach((step, index) => {
    const others = numbers(other.metrics[index]);
    if (!numbers(step).every((value, place) => Object.is(value, others[place]))) names.push(`metrics of step ${step.step}`);
  });
  return names;
}

/** Fails, naming what differs, unless every bit of the two runs is the same. */
export function expectSameBits(one: RunResult, other: RunResult, what: string): void {
  const names = differences(one, other);
  assert.equal(names.length, 0, `${what}: ${names.length} things differ, the first are ${names.slice(0, 5).join(', ')}`);
}
