// The cache that a thread holds: the same class in the coordinator's thread and, as its proxy, in every other.
import { ClosedCacheError } from '../../errors.ts';
import { wallClock } from '../../system/time.ts';
import { chunksOf, STEP, TimeSlice } from '../../system/time-slice.ts';
import {
  assertIncrement,
  assertOptions,
  assertProducer,
  keyList,
  pairsOf,
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
import { assertKey, isKey } from '../keys.ts';
import { type IncomingValue, LONG_SET, type PageEntry, type WriteOperation } from '../operations.ts';
import { parseDuration } from '../units.ts';
import { type GetOrSetCall, getOrProduce, waitOf } from './get-or-set.ts';
import { encodeOneOf, encodePending, isReady, type PendingValue, pendingFile } from './pending-value.ts';
import { Preparation } from './preparation.ts';
import { MISS, ReadPath } from './read-path.ts';
import { type Connector, StoreConnection } from './store-connection.ts';
import { UseCount } from './use-count.ts';
import { WritePath } from './write-path.ts';

export interface StoreCacheOptions {
  tag: string;
  /** TTL of entries stored without one, in milliseconds; null: never. */
  ttl: number | null;
  clock: () => number;
  /** Bytes that the thread's in-memory copies may take. */
  localTierSize: number;
  /** Milliseconds that an operation waits for other processes. */
  timeout: number;
}

interface HowToSet {
  expires: number | null;
  onlyIfAbsent?: boolean;
  lease?: string;
  /** It belongs to an operation that began before the cache was closed. */
  isBegun?: boolean;
}

export class StoreCache implements Cache {
  readonly tag: string;
  readonly #ttl: number | null;
  readonly #clock: () => number;
  readonly #timeout: number;
  readonly #connection: StoreConnection;
  // The connection's path, for callers: undefined before the first operation, and once the cache is closed. A field,
  // because a read of a value in memory does hardly more than this.
  #path: ReadPath | undefined;
  readonly #writes: WritePath;
  readonly #use = new UseCount();
  #closing: Promise<void> | undefined;

  /**
   * The first operation calls the connector. A write calls `soon` where it can: an unawaited write is to be committed
   * before the thread does anything else.
   */
  constructor(options: StoreCacheOptions, connector: Connector) {
    this.tag = options.tag;
    this.#ttl = options.ttl;
    // Times are stored as whole milliseconds.
    this.#clock = options.clock === wallClock.now ? wallClock.now : () => Math.floor(options.clock());
    this.#timeout = options.timeout;
    const connection = new StoreConnection(connector, client => {
      const path = new ReadPath(client, this.#clock, options.localTierSize, options.timeout);
      if (!this.#closing) this.#path = path;
      return path;
    });
    this.#connection = connection;
    this.#writes = new WritePath(
      {
        client: () => connection.path?.client,
        connect: async () => (await connection.later()).client,
        refused: operation => this.#warnOfSize(operation),
        stored: (operation, version) => connection.path?.stored(operation, version),
      },
      this.#use,
      this.#clock,
    );
  }

  // Not an async function: an available value should cost one promise and no more.
  get<T, F = undefined>(key: string, fallback?: F): Promise<T | F> {
    const path = this.#path;
    if (path === undefined) return this.#getFirst(key, fallback);
    // An invalid key is never found here.
    const hot = path.readHot(key);
    return hot === MISS ? this.#getCold(path, key, fallback) : Promise.resolve(hot as T);
  }

  #getCold<T, F>(path: ReadPath, key: string, fallback: F | undefined): Promise<T | F> {
    const settle = (value: unknown) => (value === MISS ? (fallback as F) : (value as T));
    try {
      assertKey(key);
      const value = path.read(key);
      if (!(value instanceof Promise)) return Promise.resolve(settle(value));
      return this.#use.operation<unknown>(value).then(settle);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  async #getFirst<T, F>(key: string, fallback: F | undefined): Promise<T | F> {
    assertKey(key);
    const value = await this.#read(opened => opened.read(key));
    return value === MISS ? (fallback as F) : (value as T);
  }

  async getMany<T>(keys: Iterable<string>): Promise<Map<string, T>> {
    const wanted = keyList('getMany', keys);
    return this.#read(async path => {
      const found = new Map<string, T>();
      const slice = new TimeSlice();
      for (const keysOfStep of chunksOf(wanted)) {
        const values = await Promise.all(await path.readMany(keysOfStep));
        for (const [index, key] of keysOfStep.entries()) {
          if (values[index] !== MISS) found.set(key, values[index] as T);
        }
        await slice.yieldIfOver();
      }
      return found;
    });
  }

  getSync<T, F = undefined>(key: string, fallback?: F): T | F {
    const path = this.#path;
    const hot = path === undefined ? MISS : path.readHot(key);
    const value = hot === MISS ? this.#readNow(key, path => path.readNow(key)) : hot;
    return value === MISS ? (fallback as F) : (value as T);
  }

  borrow<T, F = undefined>(key: string, fallback?: F): T | F {
    const path = this.#path;
    const value = path === undefined ? this.#readNow(key, opened => opened.borrow(key)) : path.borrow(key);
    return value === MISS ? (fallback as F) : (value as T);
  }

  /** The tier whose memory holds a value, if one does; see `ReadPath`. */
  protected tierOf(key: string): 'local' | 'shared' | undefined {
    return isKey(key) ? this.#path?.tierOf(key) : undefined;
  }

  getManySync<T>(keys: Iterable<string>): Map<string, T> {
    const wanted = keyList('getManySync', keys);
    const values = this.#openNow()?.readManyNow(wanted) ?? [];
    const found = new Map<string, T>();
    for (const [index, value] of values.entries()) if (value !== MISS) found.set(wanted[index]!, value as T);
    return found;
  }

  hasSync(key: string): boolean {
    return this.#readNow(key, path => path.readRowNow(key) ?? MISS) !== MISS;
  }

  setSync(key: string, value: unknown, options?: SetOptions): boolean {
    assertKey(key);
    assertOptions('setSync', options);
    const expires = this.#expires(options?.ttl);
    const pending = encodePending(key, value);
    if (isReady(pending))
      return this.#writeNow({ type: 'set', key, value: pending, expires }, false) as boolean;
    const operation = ([ready]: IncomingValue[]) => ({ type: 'set', key, value: ready!, expires }) as const;
    const preparation = new Preparation({ values: [pending], operation });
    try {
      return this.#writeNow(preparation, false) as boolean;
    } finally {
      preparation.discardNow();
    }
  }

  deleteSync(key: string): boolean {
    assertKey(key);
    return (this.#writeNow({ type: 'delete', keys: [key] }, 0) as number) > 0;
  }

  async has(key: string): Promise<boolean> {
    assertKey(key);
    return (await this.#read(path => path.readRow(key))) !== undefined;
  }

  // Not an async function, for the same reason as `get`.
  set(key: string, value: unknown, options?: SetOptions): Promise<boolean> {
    try {
      assertKey(key);
      assertOptions('set', options);
      const expires = this.#expires(options?.ttl);
      const pending = encodePending(key, value);
      if (!isReady(pending)) return this.#setLarge(key, pending, { expires });
      return this.#write({ type: 'set', key, value: pending, expires }, false) as Promise<boolean>;
    } catch (error) {
      return Promise.reject(error);
    }
  }

  async add(key: string, value: unknown, options?: SetOptions): Promise<boolean> {
    assertKey(key);
    assertOptions('add', options);
    return this.#set(key, encodePending(key, value), {
      expires: this.#expires(options?.ttl),
      onlyIfAbsent: true,
    });
  }

  #set(key: string, pending: PendingValue, how: HowToSet): Promise<boolean> {
    if (!isReady(pending)) return this.#setLarge(key, pending, how);
    const { isBegun, ...rest } = how;
    return this.#write({ type: 'set', key, value: pending, ...rest }, false, isBegun) as Promise<boolean>;
  }

  #setLarge(key: string, pending: PendingValue, { isBegun, ...how }: HowToSet): Promise<boolean> {
    const operation = ([ready]: IncomingValue[]) => ({ type: 'set', key, value: ready!, ...how }) as const;
    return this.#writeValues([pending], operation, { isBegun });
  }

  async setMany(entries: Iterable<readonly [string, unknown]>, options?: SetOptions): Promise<boolean> {
    assertOptions('setMany', options);
    const expires = this.#expires(options?.ttl);
    const keys: string[] = [];
    const values: PendingValue[] = [];
    const add = ([key, value]: readonly [string, unknown]) => {
      keys.push(key);
      values.push(encodePending(key, value, encodeOneOf(key, value)));
    };
    const operation = (ready: IncomingValue[]): WriteOperation => ({
      type: 'set-many',
      entries: ready.map((value, index) => ({ key: keys[index]!, value })),
      expires,
    });
    const pairs = pairsOf(entries);
    let next = pairs.next();
    for (; !next.done && keys.length < LONG_SET; next = pairs.next()) add(next.value);
    if (next.done) return this.#writeValues(values, operation);
    const rest = (function* () {
      for (; !next.done; next = pairs.next()) {
        add(next.value);
        yield;
      }
    })();
    return this.#writeValues(values, operation, { rest });
  }

  async delete(key: string): Promise<boolean> {
    return (await this.deleteMany([key])) > 0;
  }

  async deleteMany(keys: Iterable<string>): Promise<number> {
    const gone = keyList('deleteMany', keys);
    if (gone.length <= STEP) return (await this.#write({ type: 'delete', keys: gone }, 0)) as number;
    if (this.#closing) throw new ClosedCacheError(this.tag);
    const parts = Array.from(chunksOf(gone), (keys): WriteOperation => ({ type: 'delete', keys }));
    return this.#use.operation(this.#writes.writeAll(parts));
  }

  async touch(key: string, ttl: Duration): Promise<boolean> {
    assertKey(key);
    // An undefined TTL would stand for the cache's own, which may be none.
    parseDuration(ttl, 'ttl');
    return (await this.#write({ type: 'touch', key, expires: this.#expires(ttl) }, false)) as boolean;
  }

  async increment(key: string, by = 1): Promise<number | undefined> {
    assertKey(key);
    assertIncrement(by);
    const expires = this.#expires(undefined);
    return (await this.#write({ type: 'increment', key, by, expires }, undefined)) as number | undefined;
  }

  async getOrSet<T>(key: string, produce: Producer<T>, options?: GetOrSetOptions): Promise<T> {
    assertKey(key);
    assertProducer(produce);
    assertOptions('getOrSet', options);
    const call: GetOrSetCall<T> = {
      cache: this,
      key,
      produce,
      wait: waitOf(options),
      signal: options?.signal,
      onWait: options?.onWait,
      timeout: this.#timeout,
      clock: this.#clock,
      store: (value, encoded, token, ttl) => {
        const expires = this.#expires(ttl ?? options?.ttl);
        return this.#set(key, encodePending(key, value, encoded), { expires, lease: token, isBegun: true });
      },
    };
    // An invalid TTL is an error at the call, not after the production.
    if (options?.ttl !== undefined) this.#expires(options.ttl);
    return this.#use.long(this.#open().then(path => getOrProduce(path, call)));
  }

  keys(options?: PrefixOptions): AsyncIterableIterator<string> {
    return this.#iterate('keys', options, ({ key }) => key);
  }

  entries<T>(options?: PrefixOptions): AsyncIterableIterator<[string, T]> {
    return this.#iterate('entries', options, async (found, path): Promise<[string, T] | undefined> => {
      const value = await path.valueOf(found.key, found);
      return value === MISS ? undefined : [found.key, value as T];
    });
  }

  #iterate<Item>(
    operation: 'keys' | 'entries',
    options: PrefixOptions | undefined,
    itemOf: (found: PageEntry, path: ReadPath) => Item | undefined | Promise<Item | undefined>,
  ): AsyncIterableIterator<Item> {
    const hold = this.#use.hold();
    const open = () => this.#open();
    const steps = (async function* () {
      hold.begin();
      try {
        assertOptions(operation, options);
        const path = await open();
        for await (const found of path.pages(options?.prefix ?? '', operation === 'keys')) {
          const item = await itemOf(found, path);
          if (item !== undefined) yield item;
        }
      } finally {
        hold.end();
      }
    })();
    hold.endWith(steps);
    return steps;
  }

  async metadata(key: string): Promise<EntryMetadata | undefined> {
    assertKey(key);
    return this.#read(path => path.metadata(key));
  }

  async putFile(key: string, file: string, options?: SetOptions): Promise<boolean> {
    assertKey(key);
    assertOptions('putFile', options);
    const expires = this.#expires(options?.ttl);
    return this.#writeValues([pendingFile(key, file)], ([ready]) => ({
      type: 'set',
      key,
      value: ready!,
      expires,
    }));
  }

  async getFile(key: string, destination: string, options?: GetFileOptions): Promise<boolean> {
    assertKey(key);
    assertOptions('getFile', options);
    const file = replaceableFile(destination);
    return this.#read(path => path.readFile(key, file, options?.sha256?.toLowerCase()));
  }

  async clear(): Promise<number> {
    return (await this.#write({ type: 'clear' }, 0)) as number;
  }

  async cleanup(): Promise<number> {
    return this.#read(async ({ client }) => {
      let removed = 0;
      // In steps, each a transaction of its own, so that other threads' writes come in between.
      for (;;) {
        const step = (await this.#write({ type: 'cleanup' }, 0, true)) as number;
        if (step === 0) break;
        removed += step;
      }
      return removed + (await client.collectGarbage());
    });
  }

  async stats(): Promise<CacheStats> {
    return this.#read(path => path.client.stats());
  }

  async check(options?: CheckOptions): Promise<CheckReport> {
    assertOptions('check', options);
    return this.#read(path => path.client.check(options?.repair ?? true));
  }

  /** Resolves when all operations that were called so far are done, productions and iterations excepted. */
  settled(): Promise<void> {
    return this.#use.settled();
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#path = undefined;
    if (!this.#connection.opening) return;
    await this.settled();
    // A client that could not be made needs no closing.
    const path = await this.#connection.opening?.catch(() => undefined);
    await this.#use.whenUnused(() => path?.close());
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** The open connection, for callers. */
  #open(): Promise<ReadPath> {
    return this.#closing ? Promise.reject(new ClosedCacheError(this.tag)) : this.#connection.later();
  }

  /** As `#open`, with this thread blocked for it. */
  #openNow(): ReadPath | undefined {
    if (this.#closing) throw new ClosedCacheError(this.tag);
    return this.#connection.now();
  }

  #readNow(key: string, read: (path: ReadPath) => unknown): unknown {
    assertKey(key);
    const path = this.#openNow();
    return path ? read(path) : MISS;
  }

  #writeNow<F>(work: WriteOperation | Preparation, failed: F): number | boolean | F {
    return this.#openNow() ? this.#writes.writeNow(work, failed, this.#timeout) : failed;
  }

  #read<T>(read: (path: ReadPath) => T | Promise<T>): Promise<T> {
    return this.#use.operation(this.#open().then(read));
  }

  #expires(ttl: Duration | undefined): number | null {
    const duration = ttl === undefined ? this.#ttl : parseDuration(ttl, 'ttl');
    return duration === null ? null : this.#clock() + Math.ceil(duration);
  }

  async #writeValues(
    values: PendingValue[],
    operation: (ready: IncomingValue[]) => WriteOperation,
    { isBegun, rest }: { isBegun?: boolean; rest?: Iterator<unknown> } = {},
  ): Promise<boolean> {
    if (!rest && values.every(isReady))
      return (await this.#write(operation(values), false, isBegun)) as boolean;
    const preparation = new Preparation({ values, rest, operation });
    try {
      return (await this.#write(preparation, false, isBegun)) as boolean;
    } finally {
      await preparation.discard();
    }
  }

  // A value that can never be stored deserves a warning, not only the answer false.
  #warnOfSize(operation: WriteOperation): void {
    const { client } = this.#connection.path!;
    const { largest } = client.shared.limits;
    const entries =
      operation.type === 'set' ? [operation] : operation.type === 'set-many' ? operation.entries : [];
    const tooLarge = entries.find(({ value }) => value.size > largest);
    if (tooLarge) client.tooLarge(tooLarge.key, tooLarge.value.size);
  }

  /** @param isBegun it belongs to an operation that began before the cache was closed */
  #write<F>(work: WriteOperation | Preparation, failed: F, isBegun = false): Promise<number | boolean | F> {
    if (this.#closing && !isBegun) throw new ClosedCacheError(this.tag);
    if (!this.#connection.path && !this.#closing) this.#connection.soon();
    return this.#writes.write(work, failed);
  }
}
