// Cache of git's answers about the index of a repository, valid while the index file is the same: that saves a process for
// each of dozens of projects. Git replaces the file and never writes to it.
import { lstatSync } from 'node:fs';
import path from 'node:path';
import type { Cache, Duration } from '../../cache/cache.ts';
import { cacheKey } from '../../cache/cache-key.ts';
import { isObject } from '../../cache/values/stored-json.ts';

const REMEMBERED: Duration = '30d';

/** In milliseconds. A file written more recently may be replaced within the same tick of the file system's clock. */
const SETTLED_MS = 3_000;

/** Facts about a work tree from its index. */
export interface Index {
  /** Files whose changes git was told to ignore: their content counts. */
  hidden: string[];
  submodules: string[];
  links: string[];
}

export class IndexMemory {
  readonly #cache: Cache | undefined;
  readonly #clock: () => number;
  /** The stamps before git was queried, by directory. */
  readonly #stamps = new Map<string, string>();

  /**
   * @param cache the cache of answers. Default: none
   * @param clock in milliseconds since the epoch
   */
  constructor(cache: Cache | undefined, clock: () => number) {
    this.#cache = cache;
    this.#clock = clock;
  }

  /** The facts about a work tree, if they are cached. */
  async get(directory: string): Promise<Index | undefined> {
    const found = this.#cache && stampOf(directory);
    if (found === undefined) return undefined;
    if (this.#clock() - found.changed >= SETTLED_MS) this.#stamps.set(directory, found.stamp);
    const known: unknown = await this.#cache?.get(await keyOf(directory));
    if (!isObject(known) || known.stamp !== found.stamp) return undefined;
    const { hidden, submodules, links } = known;
    return areTexts(hidden) && areTexts(submodules) && areTexts(links)
      ? { hidden, submodules, links }
      : undefined;
  }

  /** Stores git's answer after a miss of {@link get}. */
  async set(directory: string, { hidden, submodules, links }: Index): Promise<void> {
    const stamp = this.#stamps.get(directory);
    if (stamp === undefined || stampOf(directory)?.stamp !== stamp) return;
    await this.#cache?.set(await keyOf(directory), { stamp, hidden, submodules, links }, { ttl: REMEMBERED });
  }
}

/** Undefined if the index is elsewhere, as in a submodule or a second work tree, or consists of several files. */
function stampOf(directory: string): { stamp: string; changed: number } | undefined {
  try {
    const folder = path.join(directory, '.git');
    if (!lstatSync(folder).isDirectory()) return undefined;
    const stats = lstatSync(path.join(folder, 'index'), { bigint: true });
    if (!stats.isFile()) return undefined;
    const { dev, ino, size, ctimeNs } = stats;
    return { stamp: `${dev}:${ino}:${size}:${ctimeNs}`, changed: Number(ctimeNs / 1_000_000n) };
  } catch {
    return undefined;
  }
}

function keyOf(directory: string): Promise<string> {
  return cacheKey('index', directory).then(digest => `index:${digest}`);
}

function areTexts(value: unknown): value is string[] {
  return Array.isArray(value) && value.every(item => typeof item === 'string');
}
