// Context of a contract case: a cache of the backend under test, with its own directory and its own clock.
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type Cache, type CacheOptions, createDefaultCache } from '../../../src/index.ts';
import { TestClock } from '../../support/clock.ts';
import { makeDirectory, removeDirectory } from '../../support/temporary.ts';

export type Backend = 'sqlite' | 'memory';

/** The methods that a case uses where a cache has two: the asynchronous ones, or their synchronous counterparts. */
export type Door = 'asynchronous' | 'synchronous';

/** A sentence about every cache. It uses node:assert, so that it can run in any thread. */
export interface Case {
  name: string;
  run(context: ContractContext): Promise<void>;
}

export class ContractContext {
  readonly backend: Backend;
  readonly clock = new TestClock();
  /** A directory for the case's own files. */
  readonly directory: string;
  readonly #base: string;
  readonly #opened = new Set<Cache>();

  readonly #door: Door;

  private constructor(backend: Backend, door: Door, base: string) {
    this.backend = backend;
    this.#door = door;
    this.#base = base;
    this.directory = join(base, 'files');
  }

  /** The cache in the case's own root; the same one for the same options. */
  open(options: CacheOptions = {}): Cache {
    const cache = createDefaultCache({
      cacheRoot: join(this.#base, 'cache'),
      tag: 'contract',
      backend: this.backend,
      clock: this.clock.now,
      ...options,
    });
    this.#opened.add(cache);
    return this.#door === 'synchronous' ? synchronous(cache) : cache;
  }

  /** Runs a case with a context, and removes everything afterwards. */
  static async run(backend: Backend, { run }: Case, door: Door = 'asynchronous'): Promise<void> {
    const base = await makeDirectory();
    const context = new ContractContext(backend, door, base);
    await mkdir(context.directory);
    try {
      await run(context);
    } finally {
      for (const cache of context.#opened) await cache.close();
      await removeDirectory(base);
    }
  }
}

const proxies = new WeakMap<Cache, Cache>();

// The same cache with synchronous methods where they exist; each result is wrapped in a promise.
function synchronous(cache: Cache): Cache {
  const existing = proxies.get(cache);
  if (existing) return existing;
  const proxy = new Proxy(cache, {
    get(target, name) {
      const namesake = `${String(name)}Sync`;
      const isBoth = namesake in target;
      const found: unknown = Reflect.get(target, isBoth ? namesake : name);
      if (typeof found !== 'function') return found;
      return isBoth ? async (...args: unknown[]) => found.apply(target, args) : found.bind(target);
    },
  });
  proxies.set(cache, proxy);
  return proxy;
}

/** All items of an async iterable. */
export async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}
