// The cache that a thread holds: the same class in the coordinator's thread and, as its proxy, in every other.
import { resolve } from 'node:path';
import { assertIncrement } from './arguments.ts';
import type { BlobFiles } from './blobs.ts';
import type {
  Cache,
  CacheStats,
  CheckReport,
  Duration,
  EntryMetadata,
  GetFileOptions,
  GetOrSetOptions,
  PrefixOptions,
  SetOptions,
} from './cache.ts';
import { ClosedCacheError, GloveboxError, WrongKindError } from './errors.ts';
import { type GetOrSetCall, getOrProduce, waitOf } from './get-or-set.ts';
import { encodeIncoming, type Incoming, incomingFile, isReady } from './incoming.ts';
import { assertKey } from './keys.ts';
import type { StoreLink } from './link.ts';
import { MISS, ReadPath } from './read-path.ts';
import type { IncomingValue, PageEntry, WriteOperation, WriteResult } from './store.ts';
import { wallClock } from './time.ts';
import { parseDuration } from './units.ts';
import { Use } from './use.ts';

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

export class StoreCache implements Cache {
  readonly tag: string;
  readonly #ttl: number | null;
  readonly #clock: () => number;
  readonly #localTierSize: number;
  readonly #timeout: number;
  readonly #connect: () => Promise<StoreLink>;
  #connecting: Promise<ReadPath> | undefined;
  // Undefined before the first operation and once the cache is closed.
  #path: ReadPath | undefined;
  // Settled when all operations so far have been sent; undefined when they have.
  #tail: Promise<void> | undefined;
  readonly #use = new Use();
  #closing: Promise<void> | undefined;

  /** `connect` is called once, by the first operation. */
  constructor(options: StoreCacheOptions, connect: () => Promise<StoreLink>) {
    this.tag = options.tag;
    this.#ttl = options.ttl;
    // Times are stored as whole milliseconds.
    this.#clock = options.clock === wallClock.now ? wallClock.now : () => Math.floor(options.clock());
    this.#localTierSize = options.localTierSize;
    this.#timeout = options.timeout;
    this.#connect = connect;
  }

  // No async function: what is at hand should cost one promise and no more.
  get<T, F = undefined>(key: string, fallback?: F): Promise<T | F> {
    // What is not a key is never found here.
    const recalled = this.#path === undefined ? MISS : this.#path.recall(key);
    return recalled === MISS ? this.#get(key, fallback) : Promise.resolve(recalled as T);
  }

  async #get<T, F>(key: string, fallback: F | undefined): Promise<T | F> {
    assertKey(key);
    const path = this.#path;
    const value = path ? path.read(key) : this.#read(opened => opened.read(key));
    // Awaiting what is there already would cost another turn of the queue.
    const settled = value instanceof Promise ? await this.#use.operation<unknown>(value) : value;
    return settled === MISS ? (fallback as F) : (settled as T);
  }

  async getMany<T>(keys: Iterable<string>): Promise<Map<string, T>> {
    const wanted = [...keys];
    wanted.forEach(assertKey);
    const values = await this.#read(path => Promise.all(wanted.map(key => path.read(key))));
    const found = new Map<string, T>();
    for (const [index, key] of wanted.entries()) {
      if (values[index] !== MISS) found.set(key, values[index] as T);
    }
    return found;
  }

  async has(key: string): Promise<boolean> {
    assertKey(key);
    return (await this.#read(path => path.find(key))) !== undefined;
  }

  async set(key: string, value: unknown, options?: SetOptions): Promise<boolean> {
    return this.#set(key, value, { expires: this.#expires(options?.ttl) });
  }

  async add(key: string, value: unknown, options?: SetOptions): Promise<boolean> {
    return this.#set(key, value, { expires: this.#expires(options?.ttl), onlyIfAbsent: true });
  }

  async #set(
    key: string,
    value: unknown,
    how: { expires: number | null; onlyIfAbsent?: boolean; lease?: string },
    connection?: Promise<ReadPath>,
  ): Promise<boolean> {
    assertKey(key);
    const incoming = encodeIncoming(key, value);
    const operation = ([ready]: IncomingValue[]) => ({ type: 'set', key, value: ready!, ...how }) as const;
    return this.#writeValues([incoming], operation, connection);
  }

  async setMany(entries: Iterable<readonly [string, unknown]>, options?: SetOptions): Promise<boolean> {
    const expires = this.#expires(options?.ttl);
    const keys: string[] = [];
    const values: Incoming[] = [];
    for (const [key, value] of entries) {
      assertKey(key);
      keys.push(key);
      values.push(encodeIncoming(key, value));
    }
    return this.#writeValues(values, ready => ({
      type: 'set-many',
      entries: ready.map((value, index) => ({ key: keys[index]!, value })),
      expires,
    }));
  }

  async delete(key: string): Promise<boolean> {
    return (await this.deleteMany([key])) > 0;
  }

  async deleteMany(keys: Iterable<string>): Promise<number> {
    const gone = [...keys];
    gone.forEach(assertKey);
    return (await this.#write({ type: 'delete', keys: gone }, 0)) as number;
  }

  async touch(key: string, ttl: Duration): Promise<boolean> {
    assertKey(key);
    return (await this.#write({ type: 'touch', key, expires: this.#expires(ttl) }, false)) as boolean;
  }

  async increment(key: string, by = 1): Promise<number | undefined> {
    assertKey(key);
    assertIncrement(by);
    const expires = this.#expires(undefined);
    return (await this.#write({ type: 'increment', key, by, expires }, undefined)) as number | undefined;
  }

  async getOrSet<T>(key: string, produce: () => T | Promise<T>, options?: GetOrSetOptions): Promise<T> {
    assertKey(key);
    const call: GetOrSetCall<T> = {
      cache: this,
      key,
      produce,
      wait: waitOf(options),
      onWait: options?.onWait,
      timeout: this.#timeout,
      clock: this.#clock,
      store: (value, token) => {
        const how = { expires: this.#expires(options?.ttl), lease: token };
        return this.#set(key, value, how, this.#connection());
      },
    };
    // Not when it is too late to be told.
    if (options?.ttl !== undefined) this.#expires(options.ttl);
    return this.#use.long(this.#open().then(path => getOrProduce(path, call)));
  }

  keys(options?: PrefixOptions): AsyncIterableIterator<string> {
    return this.#iterate(options?.prefix ?? '', true, ({ key }) => key);
  }

  entries<T>(options?: PrefixOptions): AsyncIterableIterator<[string, T]> {
    return this.#iterate(
      options?.prefix ?? '',
      false,
      async (found, path): Promise<[string, T] | undefined> => {
        const value = await path.valueOf(found.key, found);
        return value === MISS ? undefined : [found.key, value as T];
      },
    );
  }

  #iterate<Item>(
    prefix: string,
    keysOnly: boolean,
    itemOf: (found: PageEntry, path: ReadPath) => Item | undefined | Promise<Item | undefined>,
  ): AsyncIterableIterator<Item> {
    const hold = this.#use.hold();
    const open = () => this.#open();
    const steps = (async function* () {
      hold.begin();
      try {
        const path = await open();
        for await (const found of path.pages(prefix, keysOnly)) {
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
    const expires = this.#expires(options?.ttl);
    return this.#writeValues([incomingFile(key, file)], ([ready]) => ({
      type: 'set',
      key,
      value: ready!,
      expires,
    }));
  }

  async getFile(key: string, destination: string, options?: GetFileOptions): Promise<boolean> {
    assertKey(key);
    const file = resolve(destination);
    return this.#read(path => path.readFile(key, file, options?.sha256));
  }

  async clear(): Promise<number> {
    return (await this.#write({ type: 'clear' }, 0)) as number;
  }

  async cleanup(): Promise<number> {
    return this.#read(async ({ link }) => {
      let removed = 0;
      // In steps, each a transaction of its own, so that other threads' writes come in between.
      for (;;) {
        const step = (await this.#write({ type: 'cleanup' }, 0, this.#connection())) as number;
        if (step === 0) break;
        removed += step;
      }
      await link.collect();
      return removed;
    });
  }

  async stats(): Promise<CacheStats> {
    return this.#read(path => path.link.stats());
  }

  async check(options?: { repair?: boolean }): Promise<CheckReport> {
    return this.#read(path => path.link.check(options?.repair ?? true));
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
    if (!this.#connecting) return;
    await this.settled();
    // A link that could not be made has nothing to close.
    const path = await this.#connecting.catch(() => undefined);
    await this.#use.whenUnused(() => path?.close());
  }

  /** The link, for callers. */
  #open(): Promise<ReadPath> {
    return this.#closing ? Promise.reject(new ClosedCacheError(this.tag)) : this.#connection();
  }

  /** The same, for what was begun before the cache was closed. */
  #connection(): Promise<ReadPath> {
    this.#connecting ??= this.#connect().then(link => {
      const path = new ReadPath(link, this.#clock, this.#localTierSize);
      if (!this.#closing) this.#path = path;
      return path;
    });
    this.#connecting.catch(() => {
      this.#connecting = undefined;
    });
    return this.#connecting;
  }

  #read<T>(read: (path: ReadPath) => T | Promise<T>): Promise<T> {
    return this.#use.operation(this.#open().then(read));
  }

  #expires(ttl: Duration | undefined): number | null {
    const duration = ttl === undefined ? this.#ttl : parseDuration(ttl, 'ttl');
    return duration === null ? null : this.#clock() + Math.ceil(duration);
  }

  // Large values become temporary files here, in the thread that has them; the writer only gives them their names.
  async #writeValues(
    values: Incoming[],
    operation: (ready: IncomingValue[]) => WriteOperation,
    connection?: Promise<ReadPath>,
  ): Promise<boolean> {
    if (values.every(isReady)) return (await this.#write(operation(values), false, connection)) as boolean;
    return this.#use.operation(this.#writeFiles(values, operation, connection ?? this.#open()));
  }

  async #writeFiles(
    values: Incoming[],
    operation: (ready: IncomingValue[]) => WriteOperation,
    connection: Promise<ReadPath>,
  ): Promise<boolean> {
    const temporaries: IncomingValue[] = [];
    let blobs: BlobFiles | undefined;
    const preparing = connection.then(async ({ link }) => {
      blobs = link.blobs;
      for (const value of values) temporaries.push(isReady(value) ? value : await value.prepare(blobs));
      return operation(temporaries);
    });
    // It may fail long before its turn comes and somebody awaits it.
    preparing.catch(() => undefined);
    try {
      return (await this.#write(preparing, false, connection)) as boolean;
    } finally {
      // The writer has renamed what it stored; what is still there was refused.
      for (const { temporary } of temporaries) await blobs?.discard(temporary);
    }
  }

  // Operations go out in the order of the calls, also when one is still being prepared or the link is being made.
  async #write<F>(
    operation: WriteOperation | Promise<WriteOperation>,
    failed: F,
    connection?: Promise<ReadPath>,
  ): Promise<number | boolean | F> {
    let sent: Promise<WriteResult>;
    if (this.#path && !this.#tail && !(operation instanceof Promise)) {
      sent = this.#send(this.#path, operation);
    } else {
      const before = this.#tail;
      const opened = connection ?? this.#open();
      const turn = (async () => {
        const path = await opened;
        await before;
        try {
          const ready = await operation;
          return { result: this.#send(path, ready) };
        } catch (error) {
          if (error instanceof GloveboxError) throw error;
          path.link.readFailed(error);
          return { result: Promise.resolve<WriteResult>({ failed: String(error) }) };
        }
      })();
      const tail = turn.then(
        () => undefined,
        () => undefined,
      );
      this.#tail = tail;
      void tail.then(() => {
        if (this.#tail === tail) this.#tail = undefined;
      });
      sent = turn.then(({ result }) => result);
    }
    this.#use.begin();
    try {
      const result = await sent;
      if ('value' in result) return result.value;
      if ('mistake' in result) throw new WrongKindError(result.mistake);
      return failed;
    } finally {
      this.#use.end();
    }
  }

  #send(path: ReadPath, operation: WriteOperation): Promise<WriteResult> {
    // What this thread read goes first: eviction is to know of it.
    if (path.link.shared.versions.isPressed && path.hasAccesses) void path.reportAccesses(true);
    return path.link.write(operation, this.#clock());
  }
}
