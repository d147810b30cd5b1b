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
import { CircularWaitError, ClosedCacheError, GloveboxError, WrongKindError } from './errors.ts';
import { encodeIncoming, type Incoming, incomingFile, isReady } from './incoming.ts';
import { assertKey } from './keys.ts';
import type { LeaseRequest, StoreLink } from './link.ts';
import { assertNotProducing, heldTokens, runProduction } from './productions.ts';
import { MISS, ReadPath } from './read-path.ts';
import type { IncomingValue, WriteOperation, WriteResult } from './store.ts';
import { performance, wallClock } from './time.ts';
import { parseDuration } from './units.ts';

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

const DEFAULT_WAIT_MS = 10 * 60 * 1000;
// How often `getOrSet` is told to read again, and finds nothing, before it does without the others.
const MAX_ATTEMPTS = 100;

export class StoreCache implements Cache {
  readonly tag: string;
  readonly #ttl: number | null;
  readonly #clock: () => number;
  readonly #localTierSize: number;
  readonly #timeout: number;
  readonly #connect: () => Promise<StoreLink>;
  #connecting: Promise<ReadPath> | undefined;
  #path: ReadPath | undefined;
  // Settled when all operations so far have been sent; undefined when they have.
  #tail: Promise<void> | undefined;
  // The latest operation: all are answered in order, so that when it is, all are.
  #latest: Promise<unknown> | undefined;
  #isClosed = false;

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
    const value = (this.#path ?? (await this.#open())).read(key);
    // Awaiting what is there already would cost another turn of the queue.
    const settled = value instanceof Promise ? ((await value) as unknown) : value;
    return settled === MISS ? (fallback as F) : (settled as T);
  }

  async getMany<T>(keys: Iterable<string>): Promise<Map<string, T>> {
    const wanted = [...keys];
    wanted.forEach(assertKey);
    const path = await this.#open();
    const values = await Promise.all(wanted.map(key => path.read(key)));
    const found = new Map<string, T>();
    for (const [index, key] of wanted.entries()) {
      if (values[index] !== MISS) found.set(key, values[index] as T);
    }
    return found;
  }

  async has(key: string): Promise<boolean> {
    assertKey(key);
    return (await (await this.#open()).find(key)) !== undefined;
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
  ): Promise<boolean> {
    assertKey(key);
    const incoming = encodeIncoming(key, value);
    return this.#writeValues([incoming], ([ready]) => ({ type: 'set', key, value: ready!, ...how }));
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
    const wait = options?.wait === undefined ? DEFAULT_WAIT_MS : parseDuration(options.wait, 'wait');
    if (options?.ttl !== undefined) this.#expires(options.ttl);
    const path = await this.#open();
    const since = performance.now();
    let isToldOfWait = false;
    for (let attempt = 0; ; attempt++) {
      const value = await path.read(key);
      if (value !== MISS) return value as T;
      assertNotProducing(this, key);
      // There for others, but not for this thread: it cannot be read, and perhaps not be removed either.
      if (attempt >= MAX_ATTEMPTS) return runProduction(this, key, undefined, produce);
      const left = (wait ?? Number.POSITIVE_INFINITY) - (performance.now() - since);
      const request: LeaseRequest = {
        key,
        now: this.#clock(),
        wait: Math.max(left, 1),
        timeout: this.#timeout,
        holding: heldTokens(),
      };
      const grant = await path.link.lease(request, holder => {
        if (!isToldOfWait) options?.onWait?.(holder);
        isToldOfWait = true;
      });
      if (this.#isClosed) {
        if (grant.state === 'held') path.link.abandon(key, grant.token);
        throw new ClosedCacheError(this.tag);
      }
      if (grant.state === 'retry') continue;
      if (grant.state === 'circular') throw new CircularWaitError(grant.keys);
      if (grant.state === 'unshared') return runProduction(this, key, undefined, produce);
      return this.#produce(path.link, key, grant.token, produce, options);
    }
  }

  async #produce<T>(
    link: StoreLink,
    key: string,
    token: string,
    produce: () => T | Promise<T>,
    options?: GetOrSetOptions,
  ): Promise<T> {
    let isStored = false;
    try {
      const value = await runProduction(this, key, token, produce);
      // The caller has asked before it closed the cache, so the value is the answer all the same.
      if (this.#isClosed) return value;
      isStored = await this.#set(key, value, { expires: this.#expires(options?.ttl), lease: token });
      return value;
    } finally {
      if (!isStored) link.abandon(key, token);
    }
  }

  async *keys(options?: PrefixOptions): AsyncIterableIterator<string> {
    const path = await this.#open();
    for await (const { key } of path.pages(options?.prefix ?? '', true)) yield key;
  }

  async *entries<T>(options?: PrefixOptions): AsyncIterableIterator<[string, T]> {
    const path = await this.#open();
    for await (const found of path.pages(options?.prefix ?? '', false)) {
      const value = await path.valueOf(found.key, found);
      if (value !== MISS) yield [found.key, value as T];
    }
  }

  async metadata(key: string): Promise<EntryMetadata | undefined> {
    assertKey(key);
    return (await this.#open()).metadata(key);
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
    const path = await this.#open();
    return path.readFile(key, resolve(destination), options?.sha256);
  }

  async clear(): Promise<number> {
    return (await this.#write({ type: 'clear' }, 0)) as number;
  }

  async cleanup(): Promise<number> {
    const { link } = await this.#open();
    let removed = 0;
    // In steps, each a transaction of its own, so that other threads' writes come in between.
    for (;;) {
      const step = (await this.#write({ type: 'cleanup' }, 0)) as number;
      if (step === 0) break;
      removed += step;
    }
    await link.collect();
    return removed;
  }

  async stats(): Promise<CacheStats> {
    return (await this.#open()).link.stats();
  }

  async check(options?: { repair?: boolean }): Promise<CheckReport> {
    return (await this.#open()).link.check(options?.repair ?? true);
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#path = undefined;
    if (!this.#connecting) return;
    await this.#latest?.catch(() => undefined);
    // A link that could not be made has nothing to close.
    const path = await this.#connecting.catch(() => undefined);
    await path?.close();
  }

  #open(): Promise<ReadPath> {
    if (this.#isClosed) return Promise.reject(new ClosedCacheError(this.tag));
    this.#connecting ??= this.#connect().then(link => {
      const path = new ReadPath(link, this.#clock, this.#localTierSize);
      if (!this.#isClosed) this.#path = path;
      return path;
    });
    this.#connecting.catch(() => {
      this.#connecting = undefined;
    });
    return this.#connecting;
  }

  #expires(ttl: Duration | undefined): number | null {
    const duration = ttl === undefined ? this.#ttl : parseDuration(ttl, 'ttl');
    return duration === null ? null : this.#clock() + Math.ceil(duration);
  }

  // Large values become temporary files here, in the thread that has them; the writer only gives them their names.
  async #writeValues(
    values: Incoming[],
    operation: (ready: IncomingValue[]) => WriteOperation,
  ): Promise<boolean> {
    if (values.every(isReady)) return (await this.#write(operation(values), false)) as boolean;
    const temporaries: IncomingValue[] = [];
    let blobs: BlobFiles | undefined;
    const preparing = this.#open().then(async ({ link }) => {
      blobs = link.blobs;
      for (const value of values) temporaries.push(isReady(value) ? value : await value.prepare(blobs));
      return operation(temporaries);
    });
    // It may fail long before its turn comes and somebody awaits it.
    preparing.catch(() => undefined);
    try {
      return (await this.#write(preparing, false)) as boolean;
    } finally {
      // The writer has renamed what it stored; what is still there was refused.
      for (const { temporary } of temporaries) await blobs?.discard(temporary);
    }
  }

  // Operations go out in the order of the calls, also when one is still being prepared or the link is being made.
  async #write<F>(
    operation: WriteOperation | Promise<WriteOperation>,
    failed: F,
  ): Promise<number | boolean | F> {
    let sent: Promise<WriteResult>;
    if (this.#path && !this.#tail && !(operation instanceof Promise)) {
      sent = this.#send(this.#path, operation);
    } else {
      const before = this.#tail;
      const turn = (async () => {
        const path = await this.#open();
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
    this.#latest = sent;
    const result = await sent;
    if ('value' in result) return result.value;
    if ('mistake' in result) throw new WrongKindError(result.mistake);
    return failed;
  }

  #send(path: ReadPath, operation: WriteOperation): Promise<WriteResult> {
    // What this thread read goes first: eviction is to know of it.
    if (path.link.shared.versions.isPressed && path.hasAccesses) void path.reportAccesses(true);
    return path.link.write(operation, this.#clock());
  }
}
