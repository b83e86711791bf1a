/**
 * While anything waits for the device, Dawn's Node binding polls in a busy loop and keeps one core at 100 %. On a
 * software adapter that core is missing where the shaders run: on two cores a 512³ matmul went from 1.13 to
 * 1.80 GFLOP/s with the pauses below (SwiftShader, 2026-11-23). A real GPU needs no such thing: there a pause would
 * only add latency.
 */

/** Pause per turn of the event loop while something waits. */
const PAUSE_MILLISECONDS = 0.5;

const cell = new Int32Array(new SharedArrayBuffer(4));
let waiting = 0;
let scheduled = false;

/** One chain of pauses, whatever begins and ends to wait meanwhile: a second chain would make every turn twice as long. */
function schedule(): void {
  if (scheduled) return;
  scheduled = true;
  setImmediate(pause);
}

function pause(): void {
  scheduled = false;
  if (waiting === 0) return;
  Atomics.wait(cell, 0, 0, PAUSE_MILLISECONDS);
  schedule();
}

async function paced<T>(promise: Promise<T>): Promise<T> {
  waiting += 1;
  schedule();
  try {
    return await promise;
  } finally {
    waiting -= 1;
  }
}

type Waiting = (...values: never[]) => Promise<unknown>;

const METHODS: readonly (readonly [string, string])[] = [
  ['GPUBuffer', 'mapAsync'],
  ['GPUQueue', 'onSubmittedWorkDone'],
  ['GPUDevice', 'createComputePipelineAsync'],
  ['GPUDevice', 'popErrorScope'],
];

let installed = false;

/** Makes every wait on the device pause between polls, in this process, for good. */
export function paceWaits(globals: Readonly<Record<string, { prototype: object } | undefined>>): void {
  if (installed) return;
  installed = true;
  for (const [type, method] of METHODS) {
    const prototype = globals[type]?.prototype as Record<string, Waiting> | undefined;
    const original = prototype?.[method];
    if (!prototype || !original) continue;
    prototype[method] = function (this: object, ...values: never[]) {
      return paced(original.apply(this, values));
    };
  }
}
