/** Where the time of a step goes, shader by shader, and how much of that the timestamps can tell. */
import type { Command } from '../src/engine/commands.js';
import { median } from '../src/timing/statistics.js';
import type { BenchResult, TrainingFigures } from './harness/schema.js';

/** A shader's launches in one step; `seconds` is their time together, null without timestamps. */
export type ShaderShare = NonNullable<TrainingFigures['breakdown']>[number];

/**
 * The commands of a step by shader (copies and clears by their kind), the most expensive first; without timestamps, those
 * with most launches first.
 * @param profiles GPU seconds of every command, once for each time that the step was profiled; a command counts with its median
 */
export function breakdownOf(commands: readonly Command[], profiles: readonly (readonly number[])[]): ShaderShare[] {
  const shaders = new Map<string, ShaderShare>();
  commands.forEach((command, at) => {
    const shader = command.kind === 'dispatch' ? command.call.shader : command.kind;
    const sum = shaders.get(shader) ?? { shader, launches: 0, seconds: profiles.length > 0 ? 0 : null, flops: 0, bytes: 0 };
    sum.launches += 1;
    if (sum.seconds !== null) sum.seconds += median(profiles.map((profile) => profile[at]));
    if (command.kind === 'dispatch') {
      sum.flops += command.call.flops ?? 0;
      sum.bytes += command.call.bytes ?? 0;
    }
    shaders.set(shader, sum);
  });
  return [...shaders.values()].sort((a, b) => (b.seconds ?? 0) - (a.seconds ?? 0) || b.launches - a.launches);
}

/** What may be shown of a breakdown. */
export interface ToldBreakdown {
  /** Shaders whose time can be told, the most expensive first; `share` is of the whole step. */
  readonly told: readonly { readonly shader: string; readonly launches: number; readonly seconds: number; readonly share: number }[];
  /** The others: their names, launches, and the share of the step that they have together at most; null when there are none. */
  readonly short: { readonly shaders: readonly { readonly shader: string; readonly launches: number }[]; readonly launches: number; readonly atMost: number } | null;
}

/**
 * Divides a breakdown into what the timestamps tell and what they do not. A shader's time is the sum of one reading for each of
 * its launches, and each reading is wrong by a quantum at most. Errors of readings need not cancel: where the quantum is
 * the cost of a pass (see DeviceTimer.probe) every reading has it in excess, and profiling the step more often changes
 * nothing. So the bound of the sum is launches x quantum, and the time is told where that is at most 1 % of it, which is
 * the rule for samples (100 quanta) for a sum of readings.
 * @returns null without timestamps
 */
export function toldBreakdown({ breakdown, gpuQuantum }: TrainingFigures, timer: BenchResult['timer']): ToldBreakdown | null {
  if (!breakdown || breakdown.some(({ seconds }) => seconds === null)) return null;
  const timed = breakdown.map(({ shader, launches, seconds }) => ({ shader, launches, seconds: seconds ?? 0 }));
  const quantum = gpuQuantum ?? timer.gpuQuantum ?? 0;
  const whole = timed.reduce((sum, { seconds }) => sum + seconds, 0);
  const isTold = ({ launches, seconds }: { launches: number; seconds: number }): boolean => seconds > 0 && seconds >= timer.quantaPerSample * launches * quantum;
  const short = timed.filter((part) => !isTold(part));
  const launches = short.reduce((sum, part) => sum + part.launches, 0);
  const most = short.reduce((sum, { seconds }) => sum + seconds, 0) + launches * quantum;
  return {
    told: timed.filter(isTold).map((part) => ({ ...part, share: part.seconds / whole })),
    short: short.length === 0 ? null : { shaders: short.map(({ shader, launches: own }) => ({ shader, launches: own })), launches, atMost: whole > 0 ? Math.min(1, most / whole) : 1 },
  };
}

/** "34 kernels (122 launches) too short for the timestamps: together at most 3.0 %", with `percent` as text. */
export function shortText({ shaders, launches }: NonNullable<ToldBreakdown['short']>, percent: string): string {
  const [kernels, times] = [shaders.length === 1 ? '1 kernel' : `${shaders.length} kernels`, launches === 1 ? '1 launch' : `${launches} launches`];
  return `${kernels} (${times}) too short for the timestamps: together at most ${percent}`;
}
