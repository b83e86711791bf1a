/**
 * Which choice a launch's geometry comes from. Families that many kernels share (items, rows) hand out constants and
 * workgroups, and their callers pass these on; the tuner has to find the launches that a choice shaped.
 */
import type { Workgroups } from '../engine/index.js';

/** A family and the problem that was asked about. */
export interface LaunchChoice {
  readonly family: string;
  readonly problem: string;
}

/** By the array itself: callers pass it on as it is. */
const choices = new WeakMap<Workgroups, LaunchChoice>();

/** Notes where workgroup counts come from. @returns the same array */
export function fromChoice(workgroups: Workgroups, choice: LaunchChoice): Workgroups {
  choices.set(workgroups, choice);
  return workgroups;
}

/** The choice that workgroup counts come from, or null. */
export function choiceOf(workgroups: Workgroups): LaunchChoice | null {
  return choices.get(workgroups) ?? null;
}
