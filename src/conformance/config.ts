/** Reads the values of a case's config; each reader names file, key, value and expectation when it is wrong. */
import { InputError } from '../engine/index.js';
import type { ConformanceCase } from './case.js';

/** A case's config as an op asks for it. Absent and null are the same; a reader without a fallback wants the key. */
export class CaseConfig {
  constructor(private readonly owner: Pick<ConformanceCase, 'file' | 'op' | 'config'>) {}

  private value(key: string): unknown {
    const { config } = this.owner;
    // A framework's absent value often arrives as null.
    return Object.hasOwn(config, key) && config[key] !== null ? config[key] : undefined;
  }

  private wrong(key: string, expected: string): InputError {
    const { file, op } = this.owner;
    const value = this.value(key);
    const given = value === undefined ? `config has no "${key}"` : `config.${key} is ${JSON.stringify(value)}`;
    return new InputError(`${file}: ${given}, expected ${expected} for the op ${op}.`);
  }

  /** True when the key is there and not null. */
  has(key: string): boolean {
    return this.value(key) !== undefined;
  }

  /**
   * A finite number; `fallback` when it is absent.
   * @throws {InputError} for anything else
   */
  number(key: string, fallback?: number): number {
    const value = this.value(key) ?? fallback;
    if (typeof value === 'number' && Number.isFinite(value)) return value;
    throw this.wrong(key, 'a number');
  }

  /**
   * A whole number of at least `least`; `fallback` when it is absent.
   * @throws {InputError} for anything else
   */
  whole(key: string, least: number, fallback?: number): number {
    const value = this.value(key) ?? fallback;
    if (typeof value === 'number' && Number.isInteger(value) && value >= least) return value;
    throw this.wrong(key, `a whole number from ${least}`);
  }

  /**
   * A whole number of at least `least`, or a pair of equal ones, as torchvision writes the sides of a square; `fallback`
   * when it is absent.
   * @throws {InputError} for anything else
   */
  side(key: string, least: number, fallback?: number): number {
    const value = this.value(key) ?? fallback;
    const sides: unknown[] = Array.isArray(value) ? value : [value, value];
    if (sides.length === 2 && sides[0] === sides[1] && Number.isInteger(sides[0]) && (sides[0] as number) >= least) return sides[0] as number;
    throw this.wrong(key, `a whole number from ${least}`);
  }

  /**
   * A list of whole numbers of at least 1, not empty.
   * @throws {InputError} for anything else
   */
  counts(key: string): number[] {
    const value = this.value(key);
    if (Array.isArray(value) && value.length > 0 && value.every((item) => Number.isInteger(item) && item >= 1)) return value as number[];
    throw this.wrong(key, 'a list of whole numbers from 1');
  }

  /**
   * A flag, false when it is absent; 0 and 1 count as flags.
   * @throws {InputError} for anything else
   */
  flag(key: string): boolean {
    const value = this.value(key) ?? false;
    if (value === true || value === 1) return true;
    if (value === false || value === 0) return false;
    throw this.wrong(key, 'true or false');
  }

  /**
   * One word of a list; `fallback` when it is absent.
   * @throws {InputError} for anything else
   */
  word<T extends string>(key: string, words: readonly T[], fallback: T): T {
    const value = this.value(key) ?? fallback;
    const word = words.find((known) => known === value);
    if (word !== undefined) return word;
    throw this.wrong(key, words.join(' or '));
  }
}
