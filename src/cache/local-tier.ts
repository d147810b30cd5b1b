// A thread's own in-memory copies of entries, each valid only while its version is.
import type { FoundValue } from './store.ts';

/** A copy of one entry. `decoded` holds values that cannot be changed by whoever gets them, ready to hand out. */
export interface LocalEntry {
  key: string;
  found: FoundValue;
  decoded: unknown;
  isDecoded: boolean;
  slot: number;
  version: number;
  /** Reads since the last report to the writer, and the time of the latest. */
  hits: number;
  accessed: number;
}

// What an entry costs besides its bytes, roughly.
const OVERHEAD = 200;

/**
 * Holds at most about `limit` bytes: two generations, of which the older is dropped whole when the younger is full.
 * Entries in use move back to the younger one.
 */
export class LocalTier {
  readonly #half: number;
  #young = new Map<string, LocalEntry>();
  #old = new Map<string, LocalEntry>();
  #size = 0;

  constructor(limit: number) {
    this.#half = limit / 2;
  }

  /** The entry, if it was used since the last change of generations. */
  recent(key: string): LocalEntry | undefined {
    return this.#young.get(key);
  }

  get(key: string): LocalEntry | undefined {
    const young = this.#young.get(key);
    if (young) return young;
    const old = this.#old.get(key);
    if (old) this.#add(key, old);
    return old;
  }

  set(key: string, entry: LocalEntry): void {
    this.#old.delete(key);
    this.#add(key, entry);
  }

  delete(key: string): void {
    this.#young.delete(key);
    this.#old.delete(key);
  }

  clear(): void {
    this.#young.clear();
    this.#old.clear();
    this.#size = 0;
  }

  #add(key: string, entry: LocalEntry): void {
    const size = OVERHEAD + key.length + entry.found.size;
    if (size > this.#half) return;
    if (this.#size + size > this.#half) {
      this.#old = this.#young;
      this.#young = new Map();
      this.#size = 0;
    }
    this.#young.set(key, entry);
    this.#size += size;
  }
}
