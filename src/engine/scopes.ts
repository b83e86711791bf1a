/** Who owns which memory: scopes nest, and what a scope does not hand on is freed when it ends. */
import type { BufferPool } from './buffers.js';
import { Tensor, type Storage } from './tensor.js';

/** Tensors inside a value that a scope or a captured function returns: itself, or in arrays and plain objects. */
export function tensorsIn(value: unknown, found: Tensor[] = []): Tensor[] {
  if (value instanceof Tensor) found.push(value);
  else if (Array.isArray(value)) for (const item of value) tensorsIn(item, found);
  else if (value && typeof value === 'object' && Object.getPrototypeOf(value) === Object.prototype) {
    for (const item of Object.values(value)) tensorsIn(item, found);
  }
  return found;
}

/** The stack of scopes of one engine. The lowest lasts as long as the engine. */
export class Scopes {
  private readonly stack: Set<Storage>[] = [new Set()];

  constructor(private readonly pool: BufferPool) {}

  /** Gives a storage to the innermost scope. */
  add(storage: Storage): void {
    this.stack[this.stack.length - 1].add(storage);
  }

  /** Opens a scope; storages made from now on are in the set that it returns. */
  open(): Set<Storage> {
    const scope = new Set<Storage>();
    this.stack.push(scope);
    return scope;
  }

  /** Ends the innermost scope without freeing anything. */
  leave(): void {
    this.stack.pop();
  }

  /** What `Engine.scope` does. */
  run<T>(body: () => T): T {
    const scope = this.open();
    const end = (result: T): T => {
      const kept = new Set(tensorsIn(result).map((tensor) => tensor.storage));
      this.leave();
      for (const storage of scope) {
        if (kept.has(storage)) this.add(storage);
        else this.release(storage);
      }
      return result;
    };
    let result: T;
    try {
      result = body();
    } catch (error) {
      end(undefined as T);
      throw error;
    }
    if (!(result instanceof Promise)) return end(result);
    return result.then(end, (error: unknown) => {
      end(undefined as T);
      throw error;
    }) as T;
  }

  /** Gives a storage's buffer back to the pool; using its tensors afterwards is an error. */
  release(storage: Storage): void {
    if (storage.freed) return;
    storage.freed = true;
    if (storage.buffer) this.pool.give(storage.buffer);
    storage.buffer = null;
  }

  /** Frees what every scope holds, and ends them all. */
  end(): void {
    for (const scope of this.stack.splice(0)) for (const storage of scope) this.release(storage);
  }
}
