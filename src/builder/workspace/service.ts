// Workspace service: creates, registers, packs and removes whole workspaces.
import { createHash } from 'node:crypto';
import { mkdir, realpath, rm } from 'node:fs/promises';
import path from 'node:path';
import { cacheKey } from '../../cache/cache-key.ts';
import type { UserConfig } from '../../config/user-config.ts';
import { type PackOptions, packWorkspace } from './archive/pack.ts';
import { type UnpackOptions, unpackWorkspace } from './archive/unpack.ts';
import { diskUsage } from './disk-usage.ts';
import { enclosingWorkspace, useWorkspace } from './find.ts';
import { refreshIndexes } from './git.ts';
import { workspaceIdentity } from './identity.ts';
import { type MakeOptions, makeWorkspace, nameOf, resolutionOf } from './make.ts';
import { zmkPlaces } from './projects.ts';
import { pruneWorkspaces } from './prune.ts';
import { describeClone, repositories } from './repositories.ts';
import { type KnownWorkspace, WorkspaceStore, workspaceRoot } from './store.ts';
import { readWestConfig } from './west-config.ts';
import { configManifest, readManifest, type WestManifest } from './west-manifest.ts';
import { WorkspaceError } from './workspace-error.ts';

export interface WorkspaceServiceOptions {
  userConfig?: UserConfig;
  /** Takes precedence over the configuration. */
  cacheRoot?: string;
  /** The time in milliseconds since the epoch. Default: `Date.now`. */
  clock?: () => number;
}

/** Result of a request for a workspace. */
export interface WorkspaceResult {
  workspace: KnownWorkspace;
  /** False: it already existed, and is unchanged. */
  made: boolean;
  /** Other workspaces that were removed: replaced, expired, or over the limit. */
  removed: KnownWorkspace[];
}

/**
 * Keeps west workspaces below the cache directory, shared by all configs with equivalent manifests. A registered
 * workspace is complete and never changes; a newer one gets another directory.
 */
export class WorkspaceService {
  readonly store: WorkspaceStore;
  readonly #config: UserConfig | undefined;
  readonly #clock: () => number;

  constructor({ userConfig, cacheRoot, clock = Date.now }: WorkspaceServiceOptions = {}) {
    this.store = new WorkspaceStore(workspaceRoot(userConfig, cacheRoot));
    this.#config = userConfig;
    this.#clock = clock;
  }

  /**
   * Makes a workspace for the config's `west.yml`, unless one exists. Resolves when it is complete. Rejects with {@link
   * WorkspaceError} if that fails, and with the signal's reason if cancelled. Then nothing of it is visible, and
   * fetched objects are kept for the next attempt.
   */
  async create(configDirectory: string, options: MakeOptions = {}): Promise<WorkspaceResult> {
    return this.#make(configDirectory, options, () => true);
  }

  /**
   * Like {@link create}, but resolves moving revisions such as `main` anew. If any has moved, a new workspace replaces
   * the old one, which is removed once no build uses it.
   */
  async update(configDirectory: string, options: MakeOptions = {}): Promise<WorkspaceResult> {
    return this.#make(configDirectory, options, existing => {
      if (existing.kind !== 'added') return false;
      throw new WorkspaceError(
        `The workspace of this config, ${existing.path}, is your own. Run 'west update' there, or 'glovebox workspace delete ${existing.name}' to have one made.`,
      );
    });
  }

  /** Every registered workspace, newest first. */
  list(): Promise<KnownWorkspace[]> {
    return this.store.list();
  }

  /** The workspace with this name or path. */
  async get(nameOrPath: string): Promise<KnownWorkspace | undefined> {
    return (await this.store.get(nameOrPath)) ?? (await this.store.at(path.resolve(nameOrPath)));
  }

  /**
   * Registers an existing workspace in place. Nothing in it is changed, now or later. It serves configs whose manifest
   * is equivalent to its own, and the given config, if that has a manifest. Rejects with {@link WorkspaceError} if it
   * is not a workspace.
   */
  async add(directory: string, configDirectory?: string): Promise<KnownWorkspace> {
    const place = await realpath(directory).catch(() => path.resolve(directory));
    const { manifestFile } = await readWestConfig(place);
    const manifest = await readManifest(manifestFile);
    // ZMK's own manifest does not list ZMK.
    const application = path.join(place, (await zmkPlaces(place))?.application ?? '.');
    const isZmk = application === path.dirname(manifestFile);
    const own = { ...manifest, ...(isZmk ? await describeClone(path.dirname(application)) : undefined) };
    const config = configDirectory && (await configManifest(configDirectory, this.#configPath));
    if (place.startsWith(this.store.root + path.sep))
      throw new WorkspaceError(`${place} is kept here already.`);
    await this.store.prepare();
    const name = `${nameOf(own)}-${createHash('sha256').update(place).digest('hex').slice(0, 8)}`;
    const known = await this.store.get(name);
    const manifests = new Set([...(known?.manifests ?? []), own.digest, ...(config ? [config.digest] : [])]);
    const now = this.#clock();
    const { repository, revision } = own;
    const workspace: KnownWorkspace = {
      name,
      kind: 'added',
      repository,
      revision,
      manifests: [...manifests],
      path: place,
      created: now,
      lastUsed: now,
      size: 0,
    };
    await this.store.record(workspace);
    return workspace;
  }

  /**
   * Removes a managed workspace, or unregisters an external one. Rejects with {@link WorkspaceError} if a build uses it
   * or it is unknown.
   */
  async remove(nameOrPath: string): Promise<KnownWorkspace> {
    const known = await this.#known(nameOrPath);
    if ((await this.store.remove(known.name)) === 'used') {
      throw new WorkspaceError(`A build uses the workspace ${known.name}. Remove it when that has ended.`);
    }
    await this.prune();
    return known;
  }

  /**
   * Packs a workspace, registered or not, into a file with the extension `.tar.zst`, `.tar.gz` or `.zip`; resolves to
   * its unpacked size in bytes.
   */
  async export(nameOrPath: string, file: string, options?: PackOptions): Promise<number> {
    const known =
      (await this.get(nameOrPath)) ?? (await unregistered(nameOrPath)) ?? (await this.#known(nameOrPath));
    return useWorkspace(known.path, () => packWorkspace(known, file, options), { clock: this.#clock });
  }

  /**
   * Imports a workspace from an archive. Resolves when it is complete and verified; it is then like one made here.
   * Rejects with {@link WorkspaceError} if the archive is damaged or would write elsewhere; then nothing of it is left.
   */
  async import(file: string, options: UnpackOptions = {}): Promise<WorkspaceResult> {
    await this.store.prepare();
    const staging = this.store.newStagingPath('trash');
    await mkdir(staging, { mode: 0o700 });
    try {
      const { repository, revision, manifests } = await unpackWorkspace(path.resolve(file), staging, options);
      const { projects } = await workspaceIdentity(staging, { signal: options.signal });
      await refreshIndexes(staging, Object.keys(projects));
      const states = JSON.parse(JSON.stringify(projects));
      const name = `${nameOf({ repository, revision })}-${(await cacheKey(manifests, states)).slice(0, 8)}`;
      const existing = await this.store.get(name);
      const now = this.#clock();
      const workspace: KnownWorkspace = existing ?? {
        name,
        kind: 'made',
        repository,
        revision,
        manifests,
        resolution: await resolutionOf(staging, options.signal),
        path: this.store.pathOf(name),
        created: now,
        lastUsed: now,
        size: await diskUsage(staging),
      };
      await this.store.publish(staging, workspace);
      return { workspace, made: existing === undefined, removed: await this.prune(name) };
    } finally {
      await rm(staging, { recursive: true, force: true });
    }
  }

  /** Removes workspaces that are replaced, expired or over the configured limit; never one that a build uses. */
  async prune(keep?: string): Promise<KnownWorkspace[]> {
    return pruneWorkspaces(this.store, { ...this.#config?.workspaces, now: this.#clock(), keep });
  }

  async #make(
    configDirectory: string,
    options: MakeOptions,
    isEnough: (existing: KnownWorkspace) => boolean,
  ): Promise<WorkspaceResult> {
    const around = await enclosingWorkspace(configDirectory);
    if (around !== undefined) {
      throw new WorkspaceError(
        `${configDirectory} is in a west workspace already, ${around}, and builds use that one. Run 'west update' there.`,
      );
    }
    const manifest = await this.#manifestOf(configDirectory);
    await this.store.prepare();
    const { signal, onEvent } = options;
    const onWait = () => onEvent?.({ type: 'waiting' });
    return this.store.locked(`make ${manifest.digest}`, { signal, onWait }, async () => {
      const existing = await this.store.find(manifest.digest);
      if (existing && isEnough(existing)) {
        if (existing.kind === 'made') await this.#refresh(existing.path, signal);
        return { workspace: existing, made: false, removed: [] };
      }
      const result = await makeWorkspace(this.store, manifest, { clock: this.#clock, ...options });
      return { ...result, removed: await this.prune(result.workspace.name) };
    });
  }

  // If the workspace was restored from a copy, for example between CI runs, all of its files look new, and git would
  // read every one of them for each build.
  async #refresh(directory: string, signal: AbortSignal | undefined): Promise<void> {
    try {
      await refreshIndexes(directory, await repositories(directory), signal);
    } catch {
      signal?.throwIfAborted();
      // Any other failure only costs time.
    }
  }

  async #manifestOf(configDirectory: string): Promise<WestManifest> {
    const manifest = await configManifest(configDirectory, this.#configPath);
    if (manifest) return manifest;
    throw new WorkspaceError(
      `${configDirectory} has no config/west.yml, so its version of ZMK is unknown. Add one, as ZMK's template has it.`,
    );
  }

  get #configPath(): string | undefined {
    return this.#config?.build.configPath;
  }

  async #known(nameOrPath: string): Promise<KnownWorkspace> {
    const known = await this.get(nameOrPath);
    if (known) return known;
    const names = (await this.list()).map(({ name }) => name);
    const there = names.length === 0 ? 'There are none.' : `There are: ${names.join(', ')}.`;
    throw new WorkspaceError(`There is no workspace ${nameOrPath}. ${there}`);
  }
}

/** An unregistered workspace, described for packing; undefined if there is none at this path. */
async function unregistered(
  directory: string,
): Promise<Pick<KnownWorkspace, 'path' | 'repository' | 'revision' | 'manifests'> | undefined> {
  const settings = await readWestConfig(directory).catch(() => undefined);
  if (!settings) return undefined;
  const { repository, revision, digest } = await readManifest(settings.manifestFile);
  return { path: path.resolve(directory), repository, revision, manifests: [digest] };
}
