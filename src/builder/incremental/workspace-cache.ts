// Registry of west workspaces, so that a workspace made for a revision is found again.
import { isAbsolute } from 'node:path';
import type { Cache, Duration } from '../../cache/cache.ts';
import { cacheKey } from '../../cache/keys.ts';
import { InvalidArgumentError } from '../../errors.ts';
import { statOf } from '../../system/paths.ts';

/** How long a workspace is remembered after its last registration, by default. */
export const WORKSPACE_TTL: Duration = '30d';

const PREFIX = 'workspace:';

/** A west workspace: ZMK, Zephyr and modules at pinned revisions. */
export interface Workspace {
  /** Its origin, such as `zmkfirmware/zmk`. */
  repository: string;
  /** Branch, tag or commit. */
  revision: string;
  /** Its directory, absolute. */
  path: string;
  /** Time of registration, in milliseconds since the epoch. */
  created: number;
}

export interface ZmkWorkspaceCacheOptions {
  /** How long a workspace is remembered. Default: {@link WORKSPACE_TTL}. */
  ttl?: Duration | undefined;
  /** The time in milliseconds since the epoch. Default: `Date.now`. */
  clock?: (() => number) | undefined;
}

/** Remembers workspaces by repository and revision. A workspace whose directory is gone is forgotten. */
export class ZmkWorkspaceCacheService {
  readonly cache: Cache;
  readonly #ttl: Duration;
  readonly #clock: () => number;

  constructor(cache: Cache, { ttl = WORKSPACE_TTL, clock = Date.now }: ZmkWorkspaceCacheOptions = {}) {
    this.cache = cache;
    this.#ttl = ttl;
    this.#clock = clock;
  }

  /**
   * Remembers a workspace, replacing an older one of the same repository and revision; resolves to whether it is
   * stored.
   */
  async remember(workspace: Omit<Workspace, 'created'>): Promise<boolean> {
    const { repository, revision, path } = workspace;
    for (const [name, value] of Object.entries({ repository, revision, path })) {
      if (typeof value !== 'string' || value === '') {
        throw new InvalidArgumentError(
          `A workspace's ${name} is a non-empty string; got ${JSON.stringify(value)}.`,
        );
      }
    }
    const stored: Workspace = { repository, revision, path, created: this.#clock() };
    return this.cache.set(await keyOf(repository, revision), stored, { ttl: this.#ttl });
  }

  /** The workspace of this repository and revision whose directory exists, or undefined. */
  async find(repository: string, revision: string): Promise<Workspace | undefined> {
    const key = await keyOf(repository, revision);
    const found = await this.cache.get(key);
    if (isWorkspace(found) && statOf(found.path)?.isDirectory()) return found;
    if (found !== undefined) await this.cache.delete(key);
    return undefined;
  }

  /** Every workspace whose directory exists, by repository and revision. */
  async list(): Promise<Workspace[]> {
    const found: Workspace[] = [];
    for await (const [, value] of this.cache.entries({ prefix: PREFIX })) {
      if (isWorkspace(value) && statOf(value.path)?.isDirectory()) found.push(value);
    }
    return found.sort((a, b) => compare(a.repository, b.repository) || compare(a.revision, b.revision));
  }

  /** Forgets a workspace and leaves its directory alone; resolves to whether it was known. */
  async forget(repository: string, revision: string): Promise<boolean> {
    return this.cache.delete(await keyOf(repository, revision));
  }
}

async function keyOf(repository: string, revision: string): Promise<string> {
  return PREFIX + (await cacheKey(repository, revision));
}

function isWorkspace(value: unknown): value is Workspace {
  const candidate = value as Workspace | null | undefined;
  return (
    typeof candidate === 'object' &&
    typeof candidate?.repository === 'string' &&
    typeof candidate.revision === 'string' &&
    typeof candidate.path === 'string' &&
    isAbsolute(candidate.path) &&
    typeof candidate.created === 'number'
  );
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
