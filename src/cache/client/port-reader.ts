// Reads over the port: for the memory backend, and for threads that cannot open the database themselves. They return
// promises, or block the thread until the coordinator answers.
import type { EntryMetadata } from '../cache.ts';
import type { FoundValue, PageEntry } from '../operations.ts';
import type { StoreReader } from '../storage/store.ts';
import type { Connection } from './connection.ts';

export class PortReader implements StoreReader {
  readonly #connection: Connection;
  readonly #instance: number;

  constructor(connection: Connection, instance: number) {
    this.#connection = connection;
    this.#instance = instance;
  }

  read(key: string): Promise<FoundValue | undefined> {
    return this.#connection.call(control => control.read(this.#instance, key));
  }

  page(prefix: string, after: string, now: number, keysOnly: boolean): Promise<PageEntry[]> {
    return this.#connection.call(control => control.page(this.#instance, prefix, after, now, keysOnly));
  }

  metadata(key: string): Promise<EntryMetadata | undefined> {
    return this.#connection.call(control => control.metadata(this.#instance, key));
  }

  readMany(keys: readonly string[]): Promise<Map<string, FoundValue>> {
    return this.#connection.call(control => control.readMany(this.#instance, [...keys]));
  }

  follow(): number {
    return 0;
  }
}

/** Implements only the methods that have a synchronous counterpart in the cache. */
export class BlockingPortReader implements StoreReader {
  readonly #connection: Connection;
  readonly #instance: number;
  readonly #waitOptions: { timeoutMs: number; isLast: true };

  /** Each read may take so many milliseconds; one that takes longer finds nothing. */
  constructor(connection: Connection, instance: number, timeoutMs: number) {
    this.#connection = connection;
    this.#instance = instance;
    this.#waitOptions = { timeoutMs, isLast: true };
  }

  read(key: string): FoundValue | undefined {
    return this.#connection.callNow('read', [this.#instance, key], this.#waitOptions)?.value;
  }

  readMany(keys: readonly string[]): Map<string, FoundValue> {
    const answer = this.#connection.callNow('readMany', [this.#instance, [...keys]], this.#waitOptions);
    return answer?.value ?? new Map();
  }

  page(): never {
    throw new Error('Pages cannot be read synchronously.');
  }

  metadata(): never {
    throw new Error('Metadata cannot be read synchronously.');
  }

  follow(): number {
    return 0;
  }
}
