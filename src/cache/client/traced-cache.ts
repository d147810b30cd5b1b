// The cache that a thread holds, with every operation published on a diagnostics channel while that has a subscriber.
// Only the public methods do this: there the test of one flag costs too little to be measured.
import type {
  CheckOptions,
  CheckReport,
  Duration,
  EntryMetadata,
  GetFileOptions,
  GetOrSetOptions,
  Producer,
  SetOptions,
} from '../cache.ts';
import { type CacheOperation, operations } from '../tracing.ts';
import { StoreCache } from './store-cache.ts';

// No stored value can be mistaken for it.
const ABSENT = Symbol('absent');

export class TracedCache extends StoreCache {
  override get<T, F = undefined>(key: string, fallback?: F): Promise<T | F> {
    if (!operations.hasSubscribers) return super.get<T, F>(key, fallback);
    return this.#readLater('get', key, () => super.get<T, typeof ABSENT>(key, ABSENT), fallback as F);
  }

  override getSync<T, F = undefined>(key: string, fallback?: F): T | F {
    if (!operations.hasSubscribers) return super.getSync<T, F>(key, fallback);
    return this.#readNow('getSync', key, () => super.getSync<T, typeof ABSENT>(key, ABSENT), fallback as F);
  }

  override borrow<T, F = undefined>(key: string, fallback?: F): T | F {
    if (!operations.hasSubscribers) return super.borrow<T, F>(key, fallback);
    return this.#readNow('borrow', key, () => super.borrow<T, typeof ABSENT>(key, ABSENT), fallback as F);
  }

  override getMany<T>(keys: Iterable<string>): Promise<Map<string, T>> {
    if (!operations.hasSubscribers) return super.getMany<T>(keys);
    const wanted = listed(keys);
    const call: CacheOperation = { operation: 'getMany', tag: this.tag, ...counted(wanted) };
    return operations.tracePromise(async () => {
      const found = await super.getMany<T>(wanted);
      call.hit = found.size === new Set(wanted).size;
      return found;
    }, call);
  }

  override getManySync<T>(keys: Iterable<string>): Map<string, T> {
    if (!operations.hasSubscribers) return super.getManySync<T>(keys);
    const wanted = listed(keys);
    const call: CacheOperation = { operation: 'getManySync', tag: this.tag, ...counted(wanted) };
    return operations.traceSync(() => {
      const found = super.getManySync<T>(wanted);
      call.hit = found.size === new Set(wanted).size;
      return found;
    }, call);
  }

  override has(key: string): Promise<boolean> {
    return this.#trace('has', key, () => super.has(key), Boolean);
  }

  override hasSync(key: string): boolean {
    return this.#traceNow('hasSync', key, () => super.hasSync(key), Boolean);
  }

  override set(key: string, value: unknown, options?: SetOptions): Promise<boolean> {
    if (!operations.hasSubscribers) return super.set(key, value, options);
    return this.#trace('set', key, () => super.set(key, value, options));
  }

  override setSync(key: string, value: unknown, options?: SetOptions): boolean {
    return this.#traceNow('setSync', key, () => super.setSync(key, value, options));
  }

  override add(key: string, value: unknown, options?: SetOptions): Promise<boolean> {
    return this.#trace('add', key, () => super.add(key, value, options));
  }

  override setMany(entries: Iterable<readonly [string, unknown]>, options?: SetOptions): Promise<boolean> {
    return this.#trace('setMany', undefined, () => super.setMany(entries, options));
  }

  override delete(key: string): Promise<boolean> {
    // Not `super.delete`, which calls the method below.
    return this.#trace('delete', key, async () => (await super.deleteMany([key])) > 0, Boolean);
  }

  override deleteSync(key: string): boolean {
    return this.#traceNow('deleteSync', key, () => super.deleteSync(key), Boolean);
  }

  override deleteMany(keys: Iterable<string>): Promise<number> {
    if (!operations.hasSubscribers) return super.deleteMany(keys);
    const wanted = listed(keys);
    const call = { operation: 'deleteMany', tag: this.tag, ...counted(wanted) };
    return operations.tracePromise(() => super.deleteMany(wanted), call);
  }

  override touch(key: string, ttl: Duration): Promise<boolean> {
    return this.#trace('touch', key, () => super.touch(key, ttl), Boolean);
  }

  override increment(key: string, by?: number): Promise<number | undefined> {
    return this.#trace('increment', key, () => super.increment(key, by));
  }

  override getOrSet<T>(key: string, produce: Producer<T>, options?: GetOrSetOptions): Promise<T> {
    if (!operations.hasSubscribers || typeof produce !== 'function')
      return super.getOrSet(key, produce, options);
    let isProduced = false;
    const noted: Producer<T> = context => {
      isProduced = true;
      return produce(context);
    };
    return this.#trace(
      'getOrSet',
      key,
      () => super.getOrSet(key, noted, options),
      () => !isProduced,
    );
  }

  override metadata(key: string): Promise<EntryMetadata | undefined> {
    return this.#trace(
      'metadata',
      key,
      () => super.metadata(key),
      found => found !== undefined,
    );
  }

  override putFile(key: string, file: string, options?: SetOptions): Promise<boolean> {
    return this.#trace('putFile', key, () => super.putFile(key, file, options));
  }

  override getFile(key: string, destination: string, options?: GetFileOptions): Promise<boolean> {
    return this.#trace('getFile', key, () => super.getFile(key, destination, options), Boolean);
  }

  override clear(): Promise<number> {
    return this.#trace('clear', undefined, () => super.clear());
  }

  override cleanup(): Promise<number> {
    return this.#trace('cleanup', undefined, () => super.cleanup());
  }

  override check(options?: CheckOptions): Promise<CheckReport> {
    return this.#trace('check', undefined, () => super.check(options));
  }

  #readLater<T, F>(
    operation: string,
    key: string,
    read: () => Promise<T | typeof ABSENT>,
    fallback: F,
  ): Promise<T | F> {
    const call: CacheOperation = { operation, tag: this.tag, key };
    return operations.tracePromise(async () => {
      const tier = this.tierOf(key);
      const value = await read();
      return found(call, value, tier) ? (value as T) : fallback;
    }, call);
  }

  #readNow<T, F>(operation: string, key: string, read: () => T | typeof ABSENT, fallback: F): T | F {
    const call: CacheOperation = { operation, tag: this.tag, key };
    return operations.traceSync(() => {
      const tier = this.tierOf(key);
      const value = read();
      return found(call, value, tier) ? (value as T) : fallback;
    }, call);
  }

  /** @param isHit says of the result whether there was an entry. Default: not determined */
  #trace<T>(
    operation: string,
    key: string | undefined,
    run: () => Promise<T>,
    isHit?: (result: T) => boolean,
  ): Promise<T> {
    if (!operations.hasSubscribers) return run();
    const call: CacheOperation = { operation, tag: this.tag, ...(key !== undefined && { key }) };
    return operations.tracePromise(async () => {
      const result = await run();
      if (isHit) call.hit = isHit(result);
      return result;
    }, call);
  }

  #traceNow<T>(operation: string, key: string, run: () => T, isHit?: (result: T) => boolean): T {
    if (!operations.hasSubscribers) return run();
    const call: CacheOperation = { operation, tag: this.tag, key };
    return operations.traceSync(() => {
      const result = run();
      if (isHit) call.hit = isHit(result);
      return result;
    }, call);
  }
}

function found(call: CacheOperation, value: unknown, tier: 'local' | 'shared' | undefined): boolean {
  call.hit = value !== ABSENT;
  if (call.hit) call.tier = tier ?? 'store';
  return call.hit;
}

// An argument that cannot be listed is the caller's mistake, which the method itself reports.
function listed(keys: Iterable<string>): Iterable<string> {
  return typeof keys === 'object' && keys !== null && Symbol.iterator in keys ? [...keys] : keys;
}

function counted(keys: Iterable<string>): { keys?: number } {
  return Array.isArray(keys) ? { keys: keys.length } : {};
}
