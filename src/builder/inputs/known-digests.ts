// Digests of large files that seldom change, such as compilers, so that not every build reads them again.
import type { Cache, Duration } from '../../cache/cache.ts';
import { cacheKey } from '../../cache/cache-key.ts';
import { isObject } from '../../cache/values/stored-json.ts';

/** Bytes. Reading a smaller file is as fast as the lookup. */
export const LARGE_FILE = 256 * 1024;

/**
 * Age from which a file's stamp identifies its content. A younger file may be written again within the same tick of the
 * file system's clock, without a visible change.
 */
export const SETTLED_MS = 3_000;

/** Digests by file and stamp. Every change of a file changes its stamp, so a digest holds while the stamp does. */
export class KnownDigests {
  readonly #cache: Cache;
  readonly #ttl: Duration;

  constructor(cache: Cache, ttl: Duration) {
    this.#cache = cache;
    this.#ttl = ttl;
  }

  /** The SHA-256 of a file with this stamp, if it is known. */
  async get(file: string, stamp: string): Promise<string | undefined> {
    const known: unknown = await this.#cache.get(await keyOf(file));
    if (!isObject(known) || known.stamp !== stamp) return undefined;
    return typeof known.sha256 === 'string' && /^[0-9a-f]{64}$/.test(known.sha256) ? known.sha256 : undefined;
  }

  /**
   * Remembers the digest of a file.
   *
   * @param changed when the file was last changed, by the file system's clock
   * @param begun when reading it was begun; both in milliseconds since the epoch
   */
  async set(file: string, stamp: string, sha256: string, changed: number, begun: number): Promise<void> {
    if (begun - changed < SETTLED_MS) return;
    await this.#cache.set(await keyOf(file), { stamp, sha256 }, { ttl: this.#ttl });
  }
}

function keyOf(file: string): Promise<string> {
  return cacheKey('digest', file).then(digest => `digest:${digest}`);
}
