// The cache that a thread holds: the same class in the coordinator's thread and, as its proxy, in every other.
import {
  assertIncrement,
  assertOptions,
  assertProducer,
  keyList,
  pairsOf,
  replaceableFile,
} from './arguments.ts';
import type { BlobFiles } from './blobs.ts';
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
  SetOptions,
} from './cache.ts';
import { encode } from './codec.ts';
import { ClosedCacheError, GloveboxError, WrongKindError } from './errors.ts';
import { type GetOrSetCall, getOrProduce, waitOf } from './get-or-set.ts';
import { encodeIncoming, type Incoming, incomingFile, isReady } from './incoming.ts';
import { assertKey } from './keys.ts';
import type { StoreLink } from './link.ts';
import { Pace, partsOf, STEP } from './pace.ts';
import { MISS, ReadPath } from './read-path.ts';
import {
  type IncomingValue,
  LONG_SET,
  type PageEntry,
  type WriteOperation,
  type WriteResult,
} from './store.ts';
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
  readonly #connectNow: () => StoreLink | undefined;
  #connecting: Promise<ReadPath> | undefined;
  // Undefined before the first operation and once the cache is closed.
  #path: ReadPath | undefined;
  // Settled when all operations so far have been sent; undefined when they have.
  #tail: Promise<void> | undefined;
  readonly #use = new Use();
  #closing: Promise<void> | undefined;

  /**
   * `connect` is called once, by the first operation. Before it, when that is a write, `connectNow` may do the same at
   * once: what nobody awaits is to be committed before the thread does anything else.
   */
  constructor(
    options: StoreCacheOptions,
    connect: () => Promise<StoreLink>,
    connectNow: () => StoreLink | undefined,
  ) {
    this.tag = options.tag;
    this.#ttl = options.ttl;
    // Times are stored as whole milliseconds.
    this.#clock = options.clock === wallClock.now ? wallClock.now : () => Math.floor(options.clock());
    this.#localTierSize = options.localTierSize;
    this.#timeout = options.timeout;
    this.#connect = connect;
    this.#connectNow = connectNow;
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
    const wanted = keyList('getMany', keys);
    return this.#read(async path => {
      const found = new Map<string, T>();
      const pace = new Pace();
      for (const keysOfStep of partsOf(wanted)) {
        const values = await Promise.all(keysOfStep.map(key => path.read(key)));
        for (const [index, key] of keysOfStep.entries()) {
          if (values[index] !== MISS) found.set(key, values[index] as T);
        }
        await pace.step();
      }
      return found;
    });
  }

  async has(key: string): Promise<boolean> {
    assertKey(key);
    return (await this.#read(path => path.find(key))) !== undefined;
  }

  async set(key: string, value: unknown, options?: SetOptions): Promise<boolean> {
    assertKey(key);
    assertOptions('set', options);
    return this.#set(key, value, { expires: this.#expires(options?.ttl) });
  }

  async add(key: string, value: unknown, options?: SetOptions): Promise<boolean> {
    assertKey(key);
    assertOptions('add', options);
    return this.#set(key, value, { expires: this.#expires(options?.ttl), onlyIfAbsent: true });
  }

  async #set(
    key: string,
    value: unknown,
    how: { expires: number | null; onlyIfAbsent?: boolean; lease?: string },
    encoded = encode(value),
    connection?: Promise<ReadPath>,
  ): Promise<boolean> {
    const incoming = encodeIncoming(key, value, encoded);
    const operation = ([ready]: IncomingValue[]) => ({ type: 'set', key, value: ready!, ...how }) as const;
    return this.#writeValues([key], [incoming], operation, { connection });
  }

  async setMany(entries: Iterable<readonly [string, unknown]>, options?: SetOptions): Promise<boolean> {
    assertOptions('setMany', options);
    const expires = this.#expires(options?.ttl);
    const keys: string[] = [];
    const values: Incoming[] = [];
    const add = ([key, value]: readonly [string, unknown]) => {
      keys.push(key);
      values.push(encodeIncoming(key, value));
    };
    const operation = (ready: IncomingValue[]): WriteOperation => ({
      type: 'set-many',
      entries: ready.map((value, index) => ({ key: keys[index]!, value })),
      expires,
    });
    const pairs = pairsOf(entries);
    let next = pairs.next();
    for (; !next.done && keys.length < LONG_SET; next = pairs.next()) add(next.value);
    if (next.done) return this.#writeValues(keys, values, operation);
    const takeTheRest = async () => {
      const pace = new Pace();
      for (; !next.done; next = pairs.next()) {
        add(next.value);
        await pace.step();
      }
    };
    return this.#writeValues(keys, values, operation, { takeTheRest });
  }

  async delete(key: string): Promise<boolean> {
    return (await this.deleteMany([key])) > 0;
  }

  async deleteMany(keys: Iterable<string>): Promise<number> {
    const gone = keyList('deleteMany', keys);
    if (gone.length <= STEP) return (await this.#write({ type: 'delete', keys: gone }, 0)) as number;
    return this.#writeInSteps(partsOf(gone), part => ({ type: 'delete', keys: part }));
  }

  async touch(key: string, ttl: Duration): Promise<boolean> {
    assertKey(key);
    // Left out, it would stand for the cache's own, which may be none.
    parseDuration(ttl, 'ttl');
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
    assertProducer(produce);
    assertOptions('getOrSet', options);
    const call: GetOrSetCall<T> = {
      cache: this,
      key,
      produce,
      wait: waitOf(options),
      onWait: options?.onWait,
      timeout: this.#timeout,
      clock: this.#clock,
      store: (value, encoded, token) => {
        const how = { expires: this.#expires(options?.ttl), lease: token };
        return this.#set(key, value, how, encoded, this.#connection());
      },
    };
    // Not when it is too late to be told.
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
    return this.#writeValues([key], [incomingFile(key, file)], ([ready]) => ({
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

  async check(options?: CheckOptions): Promise<CheckReport> {
    assertOptions('check', options);
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

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** The link, for callers. */
  #open(): Promise<ReadPath> {
    return this.#closing ? Promise.reject(new ClosedCacheError(this.tag)) : this.#connection();
  }

  /** The same, for what was begun before the cache was closed. */
  #connection(): Promise<ReadPath> {
    this.#connecting ??= this.#connect().then(link => this.#connected(link));
    this.#connecting.catch(() => {
      this.#connecting = undefined;
    });
    return this.#connecting;
  }

  #connected(link: StoreLink): ReadPath {
    const path = new ReadPath(link, this.#clock, this.#localTierSize);
    if (!this.#closing) this.#path = path;
    return path;
  }

  #openNow(): void {
    if (this.#connecting || this.#closing) return;
    const link = this.#connectNow();
    if (link) this.#connecting = Promise.resolve(this.#connected(link));
  }

  #read<T>(read: (path: ReadPath) => T | Promise<T>): Promise<T> {
    return this.#use.operation(this.#open().then(read));
  }

  #expires(ttl: Duration | undefined): number | null {
    const duration = ttl === undefined ? this.#ttl : parseDuration(ttl, 'ttl');
    return duration === null ? null : this.#clock() + Math.ceil(duration);
  }

  async #writeValues(
    keys: readonly string[],
    values: Incoming[],
    operation: (ready: IncomingValue[]) => WriteOperation,
    { connection, takeTheRest }: { connection?: Promise<ReadPath>; takeTheRest?: () => Promise<void> } = {},
  ): Promise<boolean> {
    if (!takeTheRest && values.every(isReady)) {
      const isStored = (await this.#write(operation(values), false, connection)) as boolean;
      if (!isStored) this.#warnOfSize(keys, values);
      return isStored;
    }
    // At the call: what was called before the cache was closed is done.
    const opened = connection ?? this.#open();
    opened.catch(() => undefined);
    return this.#use.operation(this.#writeFiles(keys, values, operation, opened, takeTheRest));
  }

  async #writeFiles(
    keys: readonly string[],
    values: Incoming[],
    operation: (ready: IncomingValue[]) => WriteOperation,
    connection: Promise<ReadPath>,
    takeTheRest?: () => Promise<void>,
  ): Promise<boolean> {
    const temporaries: IncomingValue[] = [];
    let blobs: BlobFiles | undefined;
    const prepare = async () => {
      await takeTheRest?.();
      const { link } = await connection;
      blobs = link.blobs;
      for (const value of values) temporaries.push(isReady(value) ? value : await value.prepare(blobs));
      return operation(temporaries);
    };
    const preparing = prepare();
    // It may fail long before its turn comes and somebody awaits it.
    preparing.catch(() => undefined);
    try {
      const isStored = (await this.#write(preparing, false, connection)) as boolean;
      if (!isStored) this.#warnOfSize(keys, temporaries);
      return isStored;
    } finally {
      // The writer has renamed what it stored; what is still there was refused.
      for (const { temporary } of temporaries) if (temporary) await blobs?.discard(temporary);
    }
  }

  // What can never be stored is said, and not only answered with false.
  #warnOfSize(keys: readonly string[], values: readonly IncomingValue[]): void {
    const link = this.#path?.link;
    const largest = link?.shared.limits.largest ?? Number.POSITIVE_INFINITY;
    const index = values.findIndex(({ size }) => size > largest);
    if (index >= 0) link!.tooLarge(keys[index]!, values[index]!.size);
  }

  // Operations go out in the order of the calls, also when one is still being prepared or the link is being made.
  async #write<F>(
    operation: WriteOperation | Promise<WriteOperation>,
    failed: F,
    connection?: Promise<ReadPath>,
  ): Promise<number | boolean | F> {
    let sent: Promise<WriteResult>;
    this.#openNow();
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
      this.#holdBack(turn);
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

  // One operation after the other, before whatever this thread writes next; the event loop goes on in between.
  async #writeInSteps<Part>(
    parts: Iterable<Part>,
    operation: (part: Part) => WriteOperation,
  ): Promise<number> {
    const before = this.#tail;
    const opened = this.#open();
    const turn = (async () => {
      const path = await opened;
      await before;
      const pace = new Pace();
      let sum = 0;
      for (const part of parts) {
        const result = await this.#send(path, operation(part));
        if ('value' in result) sum += Number(result.value);
        await pace.step();
      }
      return sum;
    })();
    this.#holdBack(turn);
    return this.#use.operation(turn);
  }

  // What is written from now on is sent after `turn`.
  #holdBack(turn: Promise<unknown>): void {
    const tail = turn.then(
      () => undefined,
      () => undefined,
    );
    this.#tail = tail;
    void tail.then(() => {
      if (this.#tail === tail) this.#tail = undefined;
    });
  }

  #send(path: ReadPath, operation: WriteOperation): Promise<WriteResult> {
    // What this thread read goes first: eviction is to know of it.
    if (path.link.shared.versions.isPressed && path.hasAccesses) void path.reportAccesses(true);
    return path.link.write(operation, this.#clock());
  }
}
