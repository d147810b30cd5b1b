// What a contract case gets: a cache of the backend under test, in a directory of its own, on a clock of its own.
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type Cache, type CacheOptions, createDefaultCache } from '../../../src/index.ts';
import { TestClock } from '../../support/clock.ts';
import { makeDirectory, removeDirectory } from '../../support/temporary.ts';

export type Backend = 'sqlite' | 'memory';

/** A sentence about every cache. Written with node:assert, so that it can run in any thread. */
export interface Case {
  name: string;
  run(context: ContractContext): Promise<void>;
}

export class ContractContext {
  readonly backend: Backend;
  readonly clock = new TestClock();
  /** For the case's own files. */
  readonly directory: string;
  readonly #base: string;
  readonly #opened = new Set<Cache>();

  private constructor(backend: Backend, base: string) {
    this.backend = backend;
    this.#base = base;
    this.directory = join(base, 'files');
  }

  /** The cache of the case's own root; the same one for the same options. */
  open(options: CacheOptions = {}): Cache {
    const cache = createDefaultCache({
      cacheRoot: join(this.#base, 'cache'),
      tag: 'contract',
      backend: this.backend,
      clock: this.clock.now,
      ...options,
    });
    this.#opened.add(cache);
    return cache;
  }

  /** Runs a case with a context, and leaves nothing behind. */
  static async run(backend: Backend, { run }: Case): Promise<void> {
    const base = await makeDirectory();
    const context = new ContractContext(backend, base);
    await mkdir(context.directory);
    try {
      await run(context);
    } finally {
      for (const cache of context.#opened) await cache.close();
      await removeDirectory(base);
    }
  }
}

/** Everything an async iterable yields. */
export async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}
