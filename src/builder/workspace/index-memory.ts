// What git's index of a repository says, which it says again as long as the file is the same: a process less for each of
// dozens of projects. Git never writes to the file, but replaces it.
import { lstatSync } from 'node:fs';
import path from 'node:path';
import type { Cache, Duration } from '../../cache/cache.ts';
import { cacheKey } from '../../cache/keys.ts';
import { isObject } from '../../cache/values/stored-json.ts';

const REMEMBERED: Duration = '30d';

/** Milliseconds. What was written within this time may be replaced within one tick of the file system's clock. */
const SETTLED_MS = 3_000;

/** What an index says of a work tree. */
export interface Index {
  /** Files whose changes git was told not to look for. Nobody knows, so their content counts. */
  hidden: string[];
  submodules: string[];
  links: string[];
}

export class IndexMemory {
  readonly #cache: Cache | undefined;
  readonly #clock: () => number;
  /** As they were before git was asked, by directory. */
  readonly #stamps = new Map<string, string>();

  /**
   * @param cache where it is remembered. Default: nowhere
   * @param clock in milliseconds since the epoch
   */
  constructor(cache: Cache | undefined, clock: () => number) {
    this.#cache = cache;
    this.#clock = clock;
  }

  /** What the index of a work tree says, if it is known. */
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

  /** Remembers what git said after {@link get} was asked. */
  async set(directory: string, { hidden, submodules, links }: Index): Promise<void> {
    const stamp = this.#stamps.get(directory);
    if (stamp === undefined || stampOf(directory)?.stamp !== stamp) return;
    await this.#cache?.set(await keyOf(directory), { stamp, hidden, submodules, links }, { ttl: REMEMBERED });
  }
}

/** Undefined where the index is elsewhere, as in a submodule or a second work tree, or in more than one file. */
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
