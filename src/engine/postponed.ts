/**
 * Work of a captured step that waits until somebody needs what it writes, so that many small launches become one: the
 * gradients of a backward pass that only the optimiser reads, the losses that only a log does.
 */
import type { Engine } from './engine.js';
import type { Tensor } from './tensor.js';

/** A piece of work that may wait. */
export interface Work {
  /** What it reads; nobody else writes it afterwards. */
  readonly reads: readonly Tensor[];
  /** What it overwrites. */
  readonly writes: readonly Tensor[];
}

/** Pieces of work that run together. */
export interface WorkKind<W extends Work> {
  /** Runs them, in as few launches as it can; each sees none of the others' results. */
  run(engine: Engine, works: readonly W[]): void;
  /** Bytes that waiting pieces may keep alive by what they read, with this one; those that have gathered run before there are more. */
  mostBytes(work: W): number;
}

/** Bytes that a tensor and another have in common, or that one's storage is the other's. */
function overlap(a: Tensor, b: Tensor): boolean {
  return a.storage === b.storage && a.byteOffset < b.byteOffset + b.byteLength && b.byteOffset < a.byteOffset + a.byteLength;
}

function anyOverlap(some: readonly Tensor[], others: readonly Tensor[]): boolean {
  return some.some((a) => others.some((b) => overlap(a, b)));
}

/** Pieces of one kind that wait. */
class Waiting<W extends Work> {
  private works: W[] = [];
  private bytes = 0;

  constructor(
    private readonly engine: Engine,
    private readonly kind: WorkKind<W>,
  ) {}

  add(work: W): void {
    const bytes = work.reads.reduce((sum, { byteLength }) => sum + byteLength, 0);
    if (this.bytes + bytes > this.kind.mostBytes(work)) this.run();
    this.works.push(work);
    this.bytes += bytes;
  }

  /** True when what is read or written needs a waiting piece's result, or would change what a piece reads. */
  concerns({ reads, writes }: Work): boolean {
    return this.works.some((work) => anyOverlap(work.writes, reads) || anyOverlap(work.writes, writes) || anyOverlap(work.reads, writes));
  }

  run(): void {
    const works = this.works;
    this.works = [];
    this.bytes = 0;
    if (works.length > 0) this.kind.run(this.engine, works);
  }
}

/** All work of one captured step that waits, by kind. Pieces of a kind run in the order in which they came. */
export class PostponedWork {
  private readonly waiting = new Map<unknown, { concerns(work: Work): boolean; run(): void }>();

  /**
   * Lets a piece wait with the others of its kind, once what it depends on has run.
   * @param kind the same object for all pieces that may run together
   */
  add<W extends Work>(engine: Engine, kind: WorkKind<W>, work: W): void {
    this.settle(work);
    // What is kept under a kind was made for it.
    const waiting = (this.waiting.get(kind) as Waiting<W> | undefined) ?? new Waiting(engine, kind);
    this.waiting.set(kind, waiting);
    waiting.add(work);
  }

  /** Runs what has to run before a command with these accesses. */
  settle(accesses: Work): void {
    for (const waiting of this.waiting.values()) if (waiting.concerns(accesses)) waiting.run();
  }

  /** Runs everything. */
  settleAll(): void {
    for (const waiting of this.waiting.values()) waiting.run();
  }
}
