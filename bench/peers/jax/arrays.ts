/** Moving arrays to and from jax-js, and counting references to them. */
import { getWebGPUDevice, numpy as np, type Array as JaxArray } from '@jax-js/jax';
import type { Input } from '../../../src/verify/values.js';

/** Arrays by name. */
export type Arrays = Record<string, JaxArray>;

/** An array on the device. */
export function upload({ data, shape }: Input): JaxArray {
  return np.array(data).reshape([...shape]);
}

/** Arrays on the device by name. */
export function uploadAll(inputs: Readonly<Record<string, Input>>): Arrays {
  return Object.fromEntries(Object.entries(inputs).map(([name, input]) => [name, upload(input)]));
}

/** A further reference to each array: calling a function gives away what it is given. */
export function shared(arrays: Arrays): Arrays {
  return Object.fromEntries(Object.entries(arrays).map(([name, array]) => [name, array.ref]));
}

/** Gives one reference to each array back. */
export function disposeAll(arrays: Arrays | null): void {
  for (const array of Object.values(arrays ?? {})) array.dispose();
}

/** jax-js is lazy: asking for the buffer launches what is pending, without waiting for it. */
export function launch(arrays: Arrays): void {
  for (const array of Object.values(arrays)) array.ref.gpuBufferSync();
}

/** Values of arrays by name. */
export async function readAll(arrays: Arrays): Promise<Record<string, ArrayLike<number>>> {
  const entries = Object.entries(arrays).map(async ([name, array]): Promise<[string, ArrayLike<number>]> => [name, await array.ref.data()]);
  return Object.fromEntries(await Promise.all(entries));
}

/** Waits for the device; reads nothing. */
export const finish = (): Promise<void> => getWebGPUDevice().queue.onSubmittedWorkDone().then(() => undefined);
