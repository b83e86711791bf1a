/** The WebGPU adapter of a page or Worker, or why there is none. */

/**
 * 'insecure': the page was not loaded from localhost or by https, so the browser hides WebGPU.
 * 'no-api': the browser has no WebGPU or has it switched off. 'no-adapter': it has, and finds no usable GPU.
 */
export type WebGpuProblem = 'insecure' | 'no-api' | 'no-adapter';

/** What this context lacks before an adapter is even asked for, or null. */
export function missingWebGpu(): WebGpuProblem | null {
  if (!globalThis.isSecureContext) return 'insecure';
  return (navigator as Partial<Navigator>).gpu ? null : 'no-api';
}

/** The fastest adapter that the browser gives, or the reason why it gives none. */
export async function findBrowserAdapter(): Promise<{ adapter: GPUAdapter } | { problem: WebGpuProblem }> {
  const problem = missingWebGpu();
  if (problem) return { problem };
  const adapter = await navigator.gpu.requestAdapter({ powerPreference: 'high-performance' });
  return adapter ? { adapter } : { problem: 'no-adapter' };
}
