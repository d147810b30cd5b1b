// Workspace store: the directory of managed workspaces, and a record of each one, including external ones.
import { randomUUID } from 'node:crypto';
import { lstatSync } from 'node:fs';
import { mkdir, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { tryLock } from '../../cache/coordinator/locks.ts';
import { prepareDirectory } from '../../cache/storage/sqlite/directory.ts';
import { isObject, listOf } from '../../cache/values/stored-json.ts';
import { cacheEnvironment, defaultCacheRoot } from '../../config/environment.ts';
import { cacheOptionsFor, type UserConfig } from '../../config/user-config.ts';
import { killProcessesIn } from '../../system/directory-processes.ts';
import { namesIn } from '../../system/paths.ts';
import { currentProcessId, hasExited, processOfFile } from '../../system/process-identity.ts';
import { isStale, STALE_AFTER_MS, temporaryName } from '../../system/stale-files.ts';
import { WorkspaceError } from './workspace-error.ts';

/** Records with another schema are ignored. */
const RECORD_SCHEMA = 1;

const LOCK_POLL_MS = 50;

/** A registered workspace. */
export interface KnownWorkspace {
  /** Its name, such as `zmk-v0.3-1f8e9a77`. */
  name: string;
  /** `made`: managed by Glovebox, in the cache, and never changed. `added`: external, the user's own. */
  kind: 'made' | 'added';
  /** Its origin, such as `zmkfirmware/zmk`. */
  repository: string;
  /** Branch, tag or commit. */
  revision: string;
  /** Digests of the manifests that it serves. */
  manifests: string[];
  /**
   * Digest of the commits that these resolved to: workspaces with the same one are the same. Absent for an external
   * one.
   */
  resolution?: string | undefined;
  /** Absolute. */
  path: string;
  /** Milliseconds since the epoch. */
  created: number;
  /** When a build last used it, in milliseconds since the epoch. */
  lastUsed: number;
  /** Bytes at its creation; 0 for an external one. Objects shared between workspaces count in each. */
  size: number;
}

/** The default directory of workspaces: below the compilation cache. Absolute. */
export function workspaceRoot(userConfig?: UserConfig, cacheRoot?: string): string {
  const configured = userConfig && cacheOptionsFor(userConfig, 'compilation').cacheRoot;
  return path.join(cacheRoot ?? configured ?? defaultCacheRoot(), 'compilation', 'workspaces');
}

/**
 * Knows workspaces by what is on disk, so that every process sees the same and nothing is lost with a cache's entries.
 *
 * ```
 * <root>/made/<name>/          whole workspaces, renamed to here when complete
 * <root>/records/<name>.json   its description; the file's time of change is the time of its last use
 * <root>/parts/<owner>-…/      staging and trash; once the owner is dead, the start of the next attempt
 * <root>/uses/<name>/<owner>-… pins: one file for each build that uses it now
 * <root>/locks/                locks for creation, use and removal
 * ```
 */
export class WorkspaceStore {
  readonly root: string;

  /** @param root see {@link workspaceRoot}; created on the first write */
  constructor(root: string) {
    this.root = root;
  }

  /**
   * Creates the directories. Rejects with `UnusableDirectoryError` if other users could change the code that builds
   * run.
   */
  async prepare(): Promise<void> {
    const { allowUntrusted = false } = cacheEnvironment('compilation');
    prepareDirectory(path.dirname(path.dirname(this.root)), path.dirname(this.root), allowUntrusted);
    for (const name of ['', 'made', 'records', 'parts', 'uses']) {
      prepareDirectory(this.root, path.join(this.root, name), allowUntrusted);
    }
  }

  /** Every workspace whose directory exists, newest first. */
  async list(): Promise<KnownWorkspace[]> {
    const names = await namesIn(path.join(this.root, 'records'));
    const found: KnownWorkspace[] = [];
    for (const name of names.filter(one => one.endsWith('.json'))) {
      const known = await this.get(name.slice(0, -'.json'.length));
      if (known) found.push(known);
    }
    return found.sort((a, b) => b.created - a.created || (a.name < b.name ? -1 : 1));
  }

  /** The workspace of this name, if its directory exists. */
  async get(name: string): Promise<KnownWorkspace | undefined> {
    try {
      const file = this.#recordFile(name);
      const { mtimeMs } = await stat(file);
      const record = asRecord(JSON.parse(await readFile(file, 'utf8')));
      if (!record) return undefined;
      const directory = record.kind === 'made' ? this.pathOf(name) : record.path;
      if (!lstatSync(path.join(directory, '.west', 'config'), { throwIfNoEntry: false })) return undefined;
      return { ...record, name, path: directory, lastUsed: mtimeMs };
    } catch {
      // Removed meanwhile, or damaged: counts as missing.
      return undefined;
    }
  }

  /** The newest workspace of this manifest. */
  async find(manifest: string): Promise<KnownWorkspace | undefined> {
    return (await this.list()).find(({ manifests }) => manifests.includes(manifest));
  }

  /** The managed workspace with the same projects at the same commits. */
  async resolvedAs(resolution: string): Promise<KnownWorkspace | undefined> {
    return (await this.list()).find(known => known.kind === 'made' && known.resolution === resolution);
  }

  /**
   * Makes a managed workspace serve one more manifest, and removes that manifest from all others. Resolves to the new
   * record, or undefined if the workspace is gone.
   */
  async share(name: string, manifest: string, now: number): Promise<KnownWorkspace | undefined> {
    return this.locked('uses', undefined, async () => {
      const known = await this.get(name);
      if (known === undefined) return undefined;
      for (const other of await this.list()) {
        if (other.kind !== 'made' || other.name === name || !other.manifests.includes(manifest)) continue;
        await this.record({ ...other, manifests: other.manifests.filter(one => one !== manifest) });
      }
      const shared = { ...known, manifests: [...new Set([...known.manifests, manifest])], lastUsed: now };
      await this.record(shared);
      return shared;
    });
  }

  /** The workspace at this path. */
  async at(directory: string): Promise<KnownWorkspace | undefined> {
    return (await this.list()).find(known => known.path === directory);
  }

  /** The directory of a managed workspace. */
  pathOf(name: string): string {
    return path.join(this.root, 'made', name);
  }

  /** Writes a record atomically. */
  async record({ name, lastUsed, ...record }: KnownWorkspace): Promise<void> {
    const file = this.#recordFile(name);
    const temporary = this.newStagingPath('trash');
    await writeFile(temporary, JSON.stringify({ schema: RECORD_SCHEMA, ...record }, null, 2), {
      mode: 0o600,
    });
    await utimes(temporary, lastUsed / 1000, lastUsed / 1000);
    await rename(temporary, file);
  }

  /**
   * Publishes a staged workspace under this name, unless it already exists. A concurrent `list` sees all of it or
   * nothing.
   */
  async publish(staging: string, known: KnownWorkspace): Promise<void> {
    await this.locked('uses', undefined, async () => {
      const place = this.pathOf(known.name);
      if (!(await this.get(known.name))) {
        // Left by a process that died between these two steps.
        if (lstatSync(place, { throwIfNoEntry: false })) await rename(place, this.newStagingPath('trash'));
        await rename(staging, place);
      }
      await this.record(known);
    });
    await rm(staging, { recursive: true, force: true });
  }

  /** A new path, owned by this process. A path with `-rubbish-` is never reused after the process has died. */
  newStagingPath(kind: 'part' | 'trash' = 'part'): string {
    return path.join(this.root, 'parts', temporaryName('', kind === 'part' ? '' : '-rubbish-'));
  }

  /** Marks a staging directory as unowned, so that the next attempt may start from it. */
  async abandon(staging: string): Promise<void> {
    const place = path.join(this.root, 'parts', `abandoned-part-${randomUUID()}`);
    await rename(staging, place).catch(() => undefined);
  }

  /** Claims the staging directories of dead processes, and removes their other leftovers. */
  async claimStaleStaging(): Promise<string[]> {
    const claimed: string[] = [];
    for (const name of await namesIn(path.join(this.root, 'parts'))) {
      const place = path.join(this.root, 'parts', name);
      const modified = (await stat(place).catch(() => undefined))?.mtimeMs ?? 0;
      if (processOfFile(name) && !isStale(name, modified)) continue;
      const isTrash = name.includes('-rubbish-');
      const staging = this.newStagingPath(isTrash ? 'trash' : 'part');
      const isClaimed = await rename(place, staging).then(
        () => true,
        () => false,
      );
      // West survives the death of its parent.
      if (isClaimed) await killProcessesIn(staging);
      if (isClaimed && isTrash) await rm(staging, { recursive: true, force: true });
      else if (isClaimed) claimed.push(staging);
    }
    return claimed;
  }

  /** Removes managed workspaces without a record, whose process died at the last step. */
  async removeOrphans(): Promise<void> {
    for (const name of await namesIn(path.join(this.root, 'made'))) {
      if (await this.get(name)) continue;
      const trash = this.newStagingPath('trash');
      await this.locked('uses', undefined, async () => {
        if (!(await this.get(name))) await rename(this.pathOf(name), trash).catch(() => undefined);
      });
      await rm(trash, { recursive: true, force: true });
    }
  }

  /**
   * Runs `work` while the managed workspace of this name cannot be removed. Rejects with {@link WorkspaceError} if it
   * is already gone.
   */
  async withPin<T>(name: string, work: () => Promise<T>, now: number): Promise<T> {
    const pins = path.join(this.root, 'uses', name);
    const pin = path.join(pins, temporaryName());
    await this.locked('uses', undefined, async () => {
      if (!(await this.get(name))) {
        throw new WorkspaceError(`The workspace ${name} was removed. Run 'glovebox workspace create'.`);
      }
      await mkdir(pins, { recursive: true, mode: 0o700 });
      await writeFile(pin, '', { mode: 0o600 });
      await utimes(this.#recordFile(name), now / 1000, now / 1000);
    });
    try {
      return await work();
    } finally {
      await rm(pin, { force: true });
    }
  }

  /** Whether a running build uses the workspace. */
  async isPinned(name: string): Promise<boolean> {
    const pins = path.join(this.root, 'uses', name);
    for (const pin of await namesIn(pins)) {
      const owner = processOfFile(pin);
      const file = path.join(pins, pin);
      if (owner && !hasExited(owner)) {
        if (owner.host === currentProcessId().host) return true;
        const since = (await stat(file).catch(() => undefined))?.mtimeMs ?? 0;
        if (Date.now() - since < STALE_AFTER_MS) return true;
      }
      await rm(file, { force: true });
    }
    return false;
  }

  /**
   * Removes a managed workspace, or unregisters an external one and leaves its files alone. Resolves once its files are
   * gone. Resolves to `'used'` and removes nothing while a build uses it.
   */
  async remove(name: string): Promise<'removed' | 'used' | 'unknown'> {
    const staging = this.newStagingPath('trash');
    const outcome = await this.locked('uses', undefined, async () => {
      const known = await this.get(name);
      if (known?.kind === 'made' && (await this.isPinned(name))) return 'used' as const;
      await rm(this.#recordFile(name), { force: true });
      if (known?.kind === 'made') await rename(known.path, staging);
      await rm(path.join(this.root, 'uses', name), { recursive: true, force: true });
      return known ? ('removed' as const) : ('unknown' as const);
    });
    await rm(staging, { recursive: true, force: true });
    return outcome;
  }

  /** Runs `work` exclusively under this name, across all processes. `onWait` is called once. */
  async locked<T>(
    name: string,
    options: { signal?: AbortSignal; onWait?: () => void } | undefined,
    work: () => Promise<T>,
  ): Promise<T> {
    const { signal, onWait } = options ?? {};
    let told = false;
    for (;;) {
      signal?.throwIfAborted();
      const lock = await tryLock(path.join(this.root, 'locks'), name);
      if (lock !== 'taken') {
        try {
          return await work();
        } finally {
          await lock.release();
        }
      }
      if (!told) onWait?.();
      told = true;
      await new Promise(resolve => setTimeout(resolve, LOCK_POLL_MS));
    }
  }

  #recordFile(name: string): string {
    if (!/^[A-Za-z0-9_][A-Za-z0-9._-]*$/.test(name))
      throw new WorkspaceError(`There is no workspace ${name}.`);
    return path.join(this.root, 'records', `${name}.json`);
  }
}

function asRecord(value: unknown): Omit<KnownWorkspace, 'name' | 'lastUsed'> | undefined {
  if (!isObject(value) || value.schema !== RECORD_SCHEMA) return undefined;
  const { kind, repository, revision, created, size, path: place } = value;
  const manifests = listOf(value.manifests, one => (typeof one === 'string' ? one : undefined), 1000);
  if (kind !== 'made' && kind !== 'added') return undefined;
  if (typeof repository !== 'string' || typeof revision !== 'string' || typeof place !== 'string')
    return undefined;
  if (typeof created !== 'number' || typeof size !== 'number' || !manifests) return undefined;
  const { resolution } = value;
  if (resolution !== undefined && typeof resolution !== 'string') return undefined;
  return { kind, repository, revision, manifests, resolution, path: place, created, size };
}
