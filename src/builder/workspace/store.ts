// The directory that holds the workspaces made or brought here, and a record of each, also of those elsewhere.
import { randomUUID } from 'node:crypto';
import { lstatSync } from 'node:fs';
import { mkdir, readdir, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { tryLock } from '../../cache/coordinator/locks.ts';
import { prepareDirectory } from '../../cache/storage/sqlite/directory.ts';
import { isObject, listOf } from '../../cache/values/stored-json.ts';
import { cacheEnvironment, defaultCacheRoot } from '../../config/environment.ts';
import { cacheOptionsFor, type UserConfig } from '../../config/user-config.ts';
import { killProcessesIn } from '../../system/directory-processes.ts';
import { currentProcessId, hasExited, processOfFile } from '../../system/process-identity.ts';
import { isStale, STALE_AFTER_MS, temporaryName } from '../../system/stale-files.ts';
import { WorkspaceError } from './workspace-error.ts';

/** Records of another form are not looked at. */
const RECORD_SCHEMA = 1;

const LOCK_POLL_MS = 50;

/** A workspace that is known here. */
export interface KnownWorkspace {
  /** Its name here, such as `zmk-v0.3-1f8e9a77`. */
  name: string;
  /** `made`: it is ours, in the cache, and never changes. `added`: it is somebody's own, wherever that is. */
  kind: 'made' | 'added';
  /** What it was made from, such as `zmkfirmware/zmk`. */
  repository: string;
  /** Branch, tag or commit. */
  revision: string;
  /** Digests of the manifests that it is the workspace of. */
  manifests: string[];
  /** Of what these came to when it was made: two that came to the same are one. Absent for one that is somebody's own. */
  resolution?: string | undefined;
  /** Absolute. */
  path: string;
  /** Milliseconds since the epoch. */
  created: number;
  /** When a build last used it, in milliseconds since the epoch. */
  lastUsed: number;
  /** Bytes when it was made; 0 for one that is somebody's own. Objects shared with other workspaces count in each. */
  size: number;
}

/** Where workspaces are kept when nobody says: below the compilation cache. Absolute. */
export function workspaceRoot(userConfig?: UserConfig, cacheRoot?: string): string {
  const configured = userConfig && cacheOptionsFor(userConfig, 'compilation').cacheRoot;
  return path.join(cacheRoot ?? configured ?? defaultCacheRoot(), 'compilation', 'workspaces');
}

/**
 * Knows workspaces by what is on disk, so that every process sees the same and nothing is lost with a cache's entries.
 *
 * ```
 * <root>/made/<name>/          whole workspaces, renamed to here when complete
 * <root>/records/<name>.json   what is known of each; its time of change is when the workspace was last used
 * <root>/parts/<owner>-…/      being made or being removed; once the owner is dead, what the next one begins with
 * <root>/uses/<name>/<owner>-… one file for each build that uses it now
 * <root>/locks/                who makes, uses or removes
 * ```
 */
export class WorkspaceStore {
  readonly root: string;

  /** @param root see {@link workspaceRoot}; made when something is first written */
  constructor(root: string) {
    this.root = root;
  }

  /** Makes the directories. Rejects with `UnusableDirectoryError` when others could change what builds will run. */
  async prepare(): Promise<void> {
    const { allowUntrusted = false } = cacheEnvironment('compilation');
    prepareDirectory(path.dirname(path.dirname(this.root)), path.dirname(this.root), allowUntrusted);
    for (const name of ['', 'made', 'records', 'parts', 'uses']) {
      prepareDirectory(this.root, path.join(this.root, name), allowUntrusted);
    }
  }

  /** Every workspace whose directory exists, the newest first. */
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
      // Gone meanwhile, or damaged: as if it were not there.
      return undefined;
    }
  }

  /** The newest workspace of this manifest. */
  async find(manifest: string): Promise<KnownWorkspace | undefined> {
    return (await this.list()).find(({ manifests }) => manifests.includes(manifest));
  }

  /** The made workspace of the same projects at the same commits. */
  async resolvedAs(resolution: string): Promise<KnownWorkspace | undefined> {
    return (await this.list()).find(known => known.kind === 'made' && known.resolution === resolution);
  }

  /**
   * Makes a made workspace that of one more manifest, and of that no other made one; resolves to what is known of it
   * then, or to undefined when it is gone.
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

  /** Where a made workspace of this name is. */
  pathOf(name: string): string {
    return path.join(this.root, 'made', name);
  }

  /** Writes a record, in one step. */
  async record({ name, lastUsed, ...record }: KnownWorkspace): Promise<void> {
    const file = this.#recordFile(name);
    const temporary = this.newStagingPath('rubbish');
    await writeFile(temporary, JSON.stringify({ schema: RECORD_SCHEMA, ...record }, null, 2), {
      mode: 0o600,
    });
    await utimes(temporary, lastUsed / 1000, lastUsed / 1000);
    await rename(temporary, file);
  }

  /**
   * Lets a part become the made workspace of this name, unless there is one already. Whoever lists sees all of it or
   * nothing.
   */
  async publish(staging: string, known: KnownWorkspace): Promise<void> {
    await this.locked('uses', undefined, async () => {
      const place = this.pathOf(known.name);
      if (!(await this.get(known.name))) {
        // Left by somebody who died between these two steps.
        if (lstatSync(place, { throwIfNoEntry: false })) await rename(place, this.newStagingPath('rubbish'));
        await rename(staging, place);
      }
      await this.record(known);
    });
    await rm(staging, { recursive: true, force: true });
  }

  /** A path that nothing has yet, of this process. What is called `-rubbish-` is never used after this process's death. */
  newStagingPath(kind: 'part' | 'rubbish' = 'part'): string {
    return path.join(this.root, 'parts', temporaryName('', kind === 'part' ? '' : '-rubbish-'));
  }

  /** Says that nobody works on a part any more, so that the next one may begin with it. */
  async abandon(staging: string): Promise<void> {
    const place = path.join(this.root, 'parts', `abandoned-part-${randomUUID()}`);
    await rename(staging, place).catch(() => undefined);
  }

  /** Takes over what dead processes left of workspaces that they were making, and removes what else they left. */
  async claimStaleStaging(): Promise<string[]> {
    const claimed: string[] = [];
    for (const name of await namesIn(path.join(this.root, 'parts'))) {
      const place = path.join(this.root, 'parts', name);
      const modified = (await stat(place).catch(() => undefined))?.mtimeMs ?? 0;
      if (processOfFile(name) && !isStale(name, modified)) continue;
      const isTrash = name.includes('-rubbish-');
      const staging = this.newStagingPath(isTrash ? 'rubbish' : 'part');
      const isClaimed = await rename(place, staging).then(
        () => true,
        () => false,
      );
      // West goes on when the one who started it was killed.
      if (isClaimed) await killProcessesIn(staging);
      if (isClaimed && isTrash) await rm(staging, { recursive: true, force: true });
      else if (isClaimed) claimed.push(staging);
    }
    return claimed;
  }

  /** Removes what was made and has no record, because its maker died at the last step. */
  async removeOrphans(): Promise<void> {
    for (const name of await namesIn(path.join(this.root, 'made'))) {
      if (await this.get(name)) continue;
      const trash = this.newStagingPath('rubbish');
      await this.locked('uses', undefined, async () => {
        if (!(await this.get(name))) await rename(this.pathOf(name), trash).catch(() => undefined);
      });
      await rm(trash, { recursive: true, force: true });
    }
  }

  /**
   * Runs `work` while the made workspace of this name cannot be removed. Rejects with {@link WorkspaceError} when it
   * is gone already.
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
   * Removes a made workspace, or forgets an added one and leaves it alone. Resolves when its files are gone: to
   * `'used'`, and nothing is removed, while a build uses it.
   */
  async remove(name: string): Promise<'removed' | 'used' | 'unknown'> {
    const staging = this.newStagingPath('rubbish');
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

  /** Runs `work` while nobody else, in any process, runs any under the same name. `onWait` is told once. */
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

async function namesIn(directory: string): Promise<string[]> {
  return readdir(directory).catch(() => []);
}
