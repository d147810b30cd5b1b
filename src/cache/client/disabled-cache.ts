// The cache that stores nothing, for callers that have caching switched off.
import { ClosedCacheError } from '../../errors.ts';
import {
  assertIncrement,
  assertOptions,
  assertProducer,
  keyList,
  pairsOf,
  regularFile,
  replaceableFile,
} from '../arguments.ts';
import type {
  Cache,
  CacheStats,
  CheckOptions,
  CheckReport,
  Duration,
  EntryMetadata,
  GetFileOptions,
  GetOrSetOptions,
  PrefixOptions,
  Producer,
  SetOptions,
} from '../cache.ts';
import { assertKey } from '../keys.ts';
import { parseDuration } from '../units.ts';
import { encode } from '../values/codec.ts';
import { produceWithoutLease } from './get-or-set.ts';
import { encodeOneOf } from './pending-value.ts';
import { assertNotProducing } from './productions.ts';

/**
 * Every read misses. Every write resolves to the result that a store gives that is empty and keeps nothing, so that
 * callers need no second path. Mistakes in keys, values, files and TTLs are the same errors as in a cache that stores.
 */
export class DisabledCache implements Cache {
  readonly tag: string;
  readonly #unusable: string | undefined;
  #isClosed = false;

  /** @param unusable why there is no store, when the caller has not switched it off */
  constructor(tag: string, unusable?: string) {
    this.tag = tag;
    this.#unusable = unusable;
  }

  async get<T, F = undefined>(key: string, fallback?: F): Promise<T | F> {
    this.#accept(key);
    return fallback as F;
  }

  async getMany<T>(keys: Iterable<string>): Promise<Map<string, T>> {
    this.#accept(...keyList('getMany', keys));
    return new Map();
  }

  getSync<T, F = undefined>(key: string, fallback?: F): T | F {
    this.#accept(key);
    return fallback as F;
  }

  borrow<T, F = undefined>(key: string, fallback?: F): T | F {
    return this.getSync<T, F>(key, fallback);
  }

  getManySync<T>(keys: Iterable<string>): Map<string, T> {
    this.#accept(...keyList('getManySync', keys));
    return new Map();
  }

  hasSync(key: string): boolean {
    this.#accept(key);
    return false;
  }

  setSync(key: string, value: unknown, options?: SetOptions): boolean {
    assertKey(key);
    assertOptions('setSync', options);
    assertTtl(options?.ttl);
    encode(value);
    this.#accept();
    return false;
  }

  deleteSync(key: string): boolean {
    this.#accept(key);
    return false;
  }

  async has(key: string): Promise<boolean> {
    this.#accept(key);
    return false;
  }

  async set(key: string, value: unknown, options?: SetOptions): Promise<boolean> {
    assertKey(key);
    assertOptions('set', options);
    return this.#discard(() => encode(value), options);
  }

  async setMany(entries: Iterable<readonly [string, unknown]>, options?: SetOptions): Promise<boolean> {
    assertOptions('setMany', options);
    const check = () => {
      for (const [key, value] of pairsOf(entries)) encodeOneOf(key, value);
    };
    return this.#discard(check, options);
  }

  /** Rejects wrong arguments as an enabled cache does, and stores nothing. */
  #discard(check: () => unknown, options: SetOptions | undefined): boolean {
    assertTtl(options?.ttl);
    check();
    this.#accept();
    return false;
  }

  async add(key: string, value: unknown, options?: SetOptions): Promise<boolean> {
    assertKey(key);
    assertOptions('add', options);
    return this.#discard(() => encode(value), options);
  }

  async delete(key: string): Promise<boolean> {
    this.#accept(key);
    return false;
  }

  async deleteMany(keys: Iterable<string>): Promise<number> {
    this.#accept(...keyList('deleteMany', keys));
    return 0;
  }

  async touch(key: string, ttl: Duration): Promise<boolean> {
    assertKey(key);
    parseDuration(ttl, 'ttl');
    this.#accept();
    return false;
  }

  async increment(key: string, by = 1): Promise<undefined> {
    assertKey(key);
    assertIncrement(by);
    this.#accept();
  }

  async getOrSet<T>(key: string, produce: Producer<T>, options?: GetOrSetOptions): Promise<T> {
    assertKey(key);
    assertProducer(produce);
    assertOptions('getOrSet', options);
    if (options?.wait !== undefined) parseDuration(options.wait, 'wait');
    assertTtl(options?.ttl);
    this.#accept();
    options?.signal?.throwIfAborted();
    assertNotProducing(this, key);
    return produceWithoutLease({ cache: this, key, produce, signal: options?.signal });
  }

  async *keys(options?: PrefixOptions): AsyncIterableIterator<string> {
    assertOptions('keys', options);
    this.#accept();
    yield* [];
  }

  async *entries<T>(options?: PrefixOptions): AsyncIterableIterator<[string, T]> {
    assertOptions('entries', options);
    this.#accept();
    yield* [];
  }

  async metadata(key: string): Promise<EntryMetadata | undefined> {
    this.#accept(key);
    return undefined;
  }

  async putFile(key: string, path: string, options?: SetOptions): Promise<boolean> {
    assertKey(key);
    assertOptions('putFile', options);
    assertTtl(options?.ttl);
    regularFile(path);
    this.#accept();
    return false;
  }

  async getFile(key: string, destination: string, options?: GetFileOptions): Promise<boolean> {
    assertKey(key);
    assertOptions('getFile', options);
    replaceableFile(destination);
    this.#accept();
    return false;
  }

  async clear(): Promise<number> {
    this.#accept();
    return 0;
  }

  async cleanup(): Promise<number> {
    this.#accept();
    return 0;
  }

  async stats(): Promise<CacheStats> {
    this.#accept();
    return {
      tag: this.tag,
      backend: 'disabled',
      enabled: false,
      ...(this.#unusable !== undefined && { degraded: this.#unusable }),
      directory: undefined,
      size: 0,
      maxSize: 0,
      count: 0,
      blobs: 0,
      hits: 0,
      misses: 0,
      sets: 0,
      deletes: 0,
      evictions: 0,
      expired: 0,
    };
  }

  async check(options?: CheckOptions): Promise<CheckReport> {
    assertOptions('check', options);
    this.#accept();
    return { entries: 0, blobs: 0, problems: [] };
  }

  /** Nothing is ever under way. */
  async settled(): Promise<void> {}

  async close(): Promise<void> {
    this.#isClosed = true;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #accept(...keys: string[]): void {
    for (const key of keys) assertKey(key);
    if (this.#isClosed) throw new ClosedCacheError(this.tag);
  }
}

function assertTtl(ttl: Duration | undefined): void {
  if (ttl !== undefined) parseDuration(ttl, 'ttl');
}
