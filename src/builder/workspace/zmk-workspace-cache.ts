// View of the registered workspaces by repository and revision, under the names of an earlier API. The workspaces are
// those of the workspace store: `glovebox workspace list` shows the same.
import { createHash } from 'node:crypto';
import path from 'node:path';
import type { Duration } from '../../cache/cache.ts';
import { parseDuration } from '../../cache/units.ts';
import type { UserConfig } from '../../config/user-config.ts';
import { InvalidArgumentError } from '../../errors.ts';
import { nameOf } from './make.ts';
import { WORKSPACE_TTL } from './prune.ts';
import { type KnownWorkspace, WorkspaceStore, workspaceRoot } from './store.ts';

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
  /** How long a workspace is found after it was registered, or last used by a build. Default: {@link WORKSPACE_TTL}. */
  ttl?: Duration | undefined;
  /** The cache root. Default: as configured. */
  cacheRoot?: string | undefined;
  /** The time in milliseconds since the epoch. Default: `Date.now`. */
  clock?: (() => number) | undefined;
}

/** Finds workspaces by repository and revision. One whose directory is gone is not found. */
export class ZmkWorkspaceCacheService {
  readonly #store: WorkspaceStore;
  readonly #ttl: number;
  readonly #clock: () => number;

  constructor(
    store: WorkspaceStore,
    { ttl = WORKSPACE_TTL, clock = Date.now }: Omit<ZmkWorkspaceCacheOptions, 'cacheRoot'> = {},
  ) {
    this.#store = store;
    this.#ttl = parseDuration(ttl, 'ttl') ?? Number.POSITIVE_INFINITY;
    this.#clock = clock;
  }

  /**
   * Registers a workspace in place, so that it is found before older ones of the same repository and revision. Nothing
   * in it is changed. Resolves to whether it is registered: false if the directory is not a west workspace. Rejects
   * with `UnusableDirectoryError` if other users can write to the cache directory.
   */
  async remember(workspace: Omit<Workspace, 'created'>): Promise<boolean> {
    const { repository, revision, path: directory } = workspace;
    for (const [name, value] of Object.entries({ repository, revision, path: directory })) {
      if (typeof value === 'string' && value !== '') continue;
      throw new InvalidArgumentError(
        `A workspace's ${name} must be a non-empty string; got ${JSON.stringify(value)}.`,
      );
    }
    const place = path.resolve(directory);
    const name = `${nameOf(workspace)}-${createHash('sha256').update(place).digest('hex').slice(0, 8)}`;
    const now = this.#clock();
    await this.#store.prepare();
    const known = await this.#store.get(name);
    await this.#store.record({
      name,
      kind: 'added',
      repository,
      revision,
      manifests: known?.manifests ?? [],
      path: place,
      created: now,
      lastUsed: now,
      size: 0,
    });
    if (await this.#store.get(name)) return true;
    await this.#store.remove(name);
    return false;
  }

  /** The newest workspace of this repository and revision, or undefined. */
  async find(repository: string, revision: string): Promise<Workspace | undefined> {
    const found = (await this.#known()).find(isOf(repository, revision));
    return found && workspaceOf(found);
  }

  /** Every workspace, by repository and revision; the newest first of those with the same. */
  async list(): Promise<Workspace[]> {
    const found = (await this.#known()).map(workspaceOf);
    return found.sort((a, b) => compare(a.repository, b.repository) || compare(a.revision, b.revision));
  }

  /**
   * Unregisters the external workspaces of this repository and revision, and leaves their directories alone. Resolves
   * to whether there were any. Managed ones stay: `WorkspaceService.remove` deletes them.
   */
  async forget(repository: string, revision: string): Promise<boolean> {
    const found = (await this.#store.list()).filter(isOf(repository, revision));
    const external = found.filter(({ kind }) => kind === 'added');
    for (const { name } of external) await this.#store.remove(name);
    return external.length > 0;
  }

  async #known(): Promise<KnownWorkspace[]> {
    const now = this.#clock();
    return (await this.#store.list()).filter(({ lastUsed }) => now < lastUsed + this.#ttl);
  }
}

/** The view of the workspaces below the cache root, for 30 days after their last use unless configured otherwise. */
export function createZmkWorkspaceCacheService(
  userConfig?: UserConfig,
  { ttl = userConfig?.workspaces?.ttl, cacheRoot, clock }: ZmkWorkspaceCacheOptions = {},
): ZmkWorkspaceCacheService {
  const store = new WorkspaceStore(workspaceRoot(userConfig, cacheRoot));
  return new ZmkWorkspaceCacheService(store, { ttl, clock });
}

function isOf(repository: string, revision: string): (known: KnownWorkspace) => boolean {
  return known => known.repository === repository && known.revision === revision;
}

function workspaceOf({ repository, revision, path: directory, created }: KnownWorkspace): Workspace {
  return { repository, revision, path: directory, created };
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
