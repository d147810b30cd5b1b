/**
 * The door `glovebox/keyv`: a storage adapter for Keyv, so that whatever takes a Keyv store shares it with every thread
 * and process of the machine.
 *
 * @module glovebox/keyv
 */
import { createHash } from 'node:crypto';
import { EventEmitter } from 'node:events';
import { join } from 'node:path';
import type { Cache } from './cache/cache.ts';
import { isKey } from './cache/keys.ts';
import type { CacheOptions } from './cache/options.ts';
import { NotStoredError } from './errors.ts';
import { openCache } from './registry.ts';

export { NotStoredError };

/** One entry of {@link KeyvGlovebox.setMany}. `ttl` is in milliseconds; without one the entry lives as long as the cache says. */
export interface KeyvGloveboxEntry {
  key: string;
  value: unknown;
  ttl?: number | undefined;
}

/** What Keyv asks a store's `opts` for before it iterates, and the options of the cache. */
export interface KeyvGloveboxOptions extends CacheOptions {
  /** One of the dialects that Keyv 5 can iterate over. */
  dialect: 'sqlite';
  /** Where the entries are. */
  url: string;
  [option: string]: unknown;
}

const DEFAULT_TAG = 'keyv';

/**
 * A store for Keyv 5 and, through the bridge that it puts around stores of this form, Keyv 6. Its options are those of
 * `openCache`; the tag is `'keyv'` unless they say otherwise.
 *
 * All instances with the same directory and tag have the same entries, in every thread and process. A promise resolves
 * when its operation is committed. Trouble with the store is never an error: reads miss, writes resolve to false, and
 * `error` is emitted if anything listens for it. Keys may have any length; values are what structured cloning takes.
 *
 * Keyv sets `namespace`. Several namespaces in one instance make `clear()` of Keyv 5 clear the one that was set last:
 * give each Keyv an instance of its own.
 */
export class KeyvGlovebox extends EventEmitter {
  readonly opts: KeyvGloveboxOptions;
  // Declared only: Keyv 6 leaves all of the namespace to a store that has such a property.
  declare namespace?: string | undefined;
  readonly #cache: Cache;

  constructor(options: CacheOptions = {}) {
    super();
    const tag = options.tag ?? DEFAULT_TAG;
    this.#cache = openCache({ ...options, tag });
    this.opts = { ...options, tag, dialect: 'sqlite', url: `sqlite://${join(options.cacheRoot ?? '', tag)}` };
  }

  /** The value, or undefined. */
  async get<Value = unknown>(key: string): Promise<Value | undefined> {
    return read<Value>(key, await this.#cache.get(storedKey(key)));
  }

  /** The values in the order of the keys, undefined for each that has none. */
  async getMany<Value = unknown>(keys: string[]): Promise<(Value | undefined)[]> {
    const found = await this.#cache.getMany(keys.map(storedKey));
    return keys.map(key => read<Value>(key, found.get(storedKey(key))));
  }

  async has(key: string): Promise<boolean> {
    return this.#cache.has(storedKey(key));
  }

  async hasMany(keys: string[]): Promise<boolean[]> {
    return Promise.all(keys.map(key => this.#cache.has(storedKey(key))));
  }

  /** Resolves to whether it is stored. A `ttl` that is not positive removes the entry, which has expired. */
  async set(key: string, value: unknown, ttl?: number): Promise<boolean> {
    return this.#store([{ key, value }], ttl);
  }

  /** Entries with the same `ttl` are stored in one transaction. Of several with the same key the last counts. */
  async setMany(entries: KeyvGloveboxEntry[]): Promise<boolean[]> {
    const last = new Map(entries.map(entry => [entry.key, entry]));
    const groups = Map.groupBy(last.values(), ({ ttl }) => ttl);
    const stored = new Map<string, boolean>();
    await Promise.all(
      Array.from(groups, async ([ttl, group]) => {
        const isStored = await this.#store(group, ttl);
        for (const { key } of group) stored.set(key, isStored);
      }),
    );
    return entries.map(({ key }) => stored.get(key)!);
  }

  async #store(entries: KeyvGloveboxEntry[], ttl: number | undefined): Promise<boolean> {
    if (typeof ttl === 'number' && ttl <= 0) {
      await this.deleteMany(entries.map(({ key }) => key));
      return true;
    }
    const options = { ttl: Number.isFinite(ttl) ? ttl : undefined };
    const [first] = entries;
    const isStored =
      entries.length === 1
        ? await this.#cache.set(storedKey(first!.key), written(first!.key, first!.value), options)
        : await this.#cache.setMany(
            entries.map(({ key, value }) => [storedKey(key), written(key, value)]),
            options,
          );
    if (!isStored) await this.#report(entries);
    return isStored;
  }

  async delete(key: string): Promise<boolean> {
    return this.#cache.delete(storedKey(key));
  }

  /** Removes the entries in one transaction. Resolves to whether any of them was there. */
  async deleteMany(keys: string[]): Promise<boolean> {
    return (await this.#cache.deleteMany(keys.map(storedKey))) > 0;
  }

  /** Removes the entries of the namespace, or all of the tag when there is none. */
  async clear(): Promise<void> {
    if (!this.namespace) {
      await this.#cache.clear();
      return;
    }
    const keys: string[] = [];
    for await (const [key] of this.iterator(this.namespace)) keys.push(key);
    await this.#cache.deleteMany(keys.map(storedKey));
  }

  /** Entries of a namespace, or all, in the order of their keys, a page at a time. Those that have expired are left out. */
  async *iterator<Value = unknown>(namespace?: string): AsyncGenerator<[key: string, value: Value], void> {
    const prefix = namespace ? `${namespace}:` : '';
    // Half a surrogate pair at the end is another character in the key.
    const head = headOf(prefix).replace(/\uFFFD$/, '');
    for await (const [stored, value] of this.#cache.entries({ prefix: head })) {
      const key = isStandIn(stored) ? (value as LongEntry).key : stored;
      if (key.startsWith(prefix)) yield [key, read(key, value) as Value];
    }
  }

  /** Gives the cache back. Other instances, threads and processes go on. */
  async disconnect(): Promise<void> {
    await this.#cache.close();
  }

  // What is switched off is not in trouble.
  async #report(entries: readonly KeyvGloveboxEntry[]): Promise<void> {
    if (this.listenerCount('error') === 0) return;
    const { backend, degraded, directory } = await this.#cache.stats();
    if (backend === 'disabled' && degraded === undefined) return;
    const what = entries.length === 1 ? `'${entries[0]!.key}'` : `${entries.length} entries`;
    const where = directory === undefined ? 'the cache' : directory;
    this.emit(
      'error',
      new NotStoredError(what, degraded ?? `${where} could not be written, see the warning.`),
    );
  }
}

export default KeyvGlovebox;

/** The value of a key that no cache takes, with the whole key, which its stand-in only begins with. */
interface LongEntry {
  key: string;
  value: unknown;
}

// UTF-16 units of a key that its stand-in begins with: with up to three bytes each, and the hash, less than 1 KiB.
const HEAD = 256;
const STAND_IN = /…[0-9a-f]{64}$/;

function isStandIn(stored: string): boolean {
  return STAND_IN.test(stored);
}

function headOf(text: string): string {
  return text.slice(0, HEAD).toWellFormed();
}

// Keys of Keyv have any length: those of HTTP caches are addresses. What a cache takes is its own key, unless it looks
// like a stand-in.
function storedKey(key: string): string {
  if (isKey(key) && !isStandIn(key)) return key;
  return `${headOf(key)}…${createHash('sha256').update(Buffer.from(key, 'utf16le')).digest('hex')}`;
}

function written(key: string, value: unknown): unknown {
  return storedKey(key) === key ? value : ({ key, value } satisfies LongEntry);
}

function read<Value>(key: string, found: unknown): Value | undefined {
  if (found === undefined || storedKey(key) === key) return found as Value | undefined;
  return (found as LongEntry).value as Value;
}
