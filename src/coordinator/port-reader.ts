// Reads over the port: for the memory backend, and where a thread cannot open the database itself.
import type { EntryMetadata } from '../cache/cache.ts';
import type { FoundValue, PageEntry, StoreReader } from '../cache/store.ts';
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
