// Everything that is done with workspaces as wholes: making, registering, packing, removing.
import { createHash } from 'node:crypto';
import { mkdir, realpath, rm } from 'node:fs/promises';
import path from 'node:path';
import { cacheKey } from '../../cache/keys.ts';
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
  /** Goes before the configuration. */
  cacheRoot?: string;
  /** The time in milliseconds since the epoch. Default: `Date.now`. */
  clock?: () => number;
}

/** What became of a request for a workspace. */
export interface WorkspaceResult {
  workspace: KnownWorkspace;
  /** False: it was there already, and is as it was. */
  made: boolean;
  /** Others that went, because they were replaced, expired, or over the limit. */
  removed: KnownWorkspace[];
}

/**
 * Keeps west workspaces below the cache directory, shared by all configs whose manifests say the same. A workspace
 * that can be found is whole and does not change; a newer one has another place.
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
   * Makes a workspace of what the config's `west.yml` asks for, unless there is one. Resolves when it is whole.
   * Rejects with {@link WorkspaceError} when that cannot be, with the signal's reason when cancelled; nothing can be
   * seen of it then, and what was fetched is there for the next try.
   */
  async create(configDirectory: string, options: MakeOptions = {}): Promise<WorkspaceResult> {
    return this.#make(configDirectory, options, () => true);
  }

  /**
   * Like {@link create}, but looks at what moving revisions such as `main` are now. When something has moved, a new
   * workspace takes the place of the old one, which goes when no build uses it any more.
   */
  async update(configDirectory: string, options: MakeOptions = {}): Promise<WorkspaceResult> {
    return this.#make(configDirectory, options, existing => {
      if (existing.kind !== 'added') return false;
      throw new WorkspaceError(
        `The workspace of this config, ${existing.path}, is your own. Run 'west update' there, or 'glovebox workspace delete ${existing.name}' to have one made.`,
      );
    });
  }

  /** Every workspace that is known here, the newest first. */
  list(): Promise<KnownWorkspace[]> {
    return this.store.list();
  }

  /** The workspace of this name or at this path. */
  async get(nameOrPath: string): Promise<KnownWorkspace | undefined> {
    return (await this.store.get(nameOrPath)) ?? (await this.store.at(path.resolve(nameOrPath)));
  }

  /**
   * Registers a workspace that exists, where it is. Nothing in it is changed, now or later. It is found for configs
   * whose manifest says what its own says, and for the config given, if that has one. Rejects with {@link WorkspaceError} when it is
   * no workspace.
   */
  async add(directory: string, configDirectory?: string): Promise<KnownWorkspace> {
    const place = await realpath(directory).catch(() => path.resolve(directory));
    const { manifestFile } = await readWestConfig(place);
    const manifest = await readManifest(manifestFile);
    // ZMK's own manifest does not name ZMK.
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

  /** Removes a made workspace, or forgets an added one. Rejects with {@link WorkspaceError} when a build uses it, or it is not known. */
  async remove(nameOrPath: string): Promise<KnownWorkspace> {
    const known = await this.#known(nameOrPath);
    if ((await this.store.remove(known.name)) === 'used') {
      throw new WorkspaceError(`A build uses the workspace ${known.name}. Remove it when that has ended.`);
    }
    await this.prune();
    return known;
  }

  /** Packs a workspace, known here or not, into a file whose name ends with `.tar.zst`, `.tar.gz` or `.zip`; resolves to its bytes unpacked. */
  async export(nameOrPath: string, file: string, options?: PackOptions): Promise<number> {
    const known =
      (await this.get(nameOrPath)) ?? (await unregistered(nameOrPath)) ?? (await this.#known(nameOrPath));
    return useWorkspace(known.path, () => packWorkspace(known, file, options), { clock: this.#clock });
  }

  /**
   * Takes a workspace in from an archive. Resolves when all of it is there and verified; it is then as if it had been
   * made here. Rejects with {@link WorkspaceError} when the archive is damaged or would write elsewhere; nothing of it
   * is left then.
   */
  async import(file: string, options: UnpackOptions = {}): Promise<WorkspaceResult> {
    await this.store.prepare();
    const staging = this.store.newStagingPath('rubbish');
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

  /** Removes what is replaced, expired or over the limit, as the configuration has it; never what a build uses. */
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

  // Brought back from a copy, as between two runs of a CI, all of its files look new, and git would read every one of
  // them again for each build.
  async #refresh(directory: string, signal: AbortSignal | undefined): Promise<void> {
    try {
      await refreshIndexes(directory, await repositories(directory), signal);
    } catch {
      signal?.throwIfAborted();
      // All else only costs time.
    }
  }

  async #manifestOf(configDirectory: string): Promise<WestManifest> {
    const manifest = await configManifest(configDirectory, this.#configPath);
    if (manifest) return manifest;
    throw new WorkspaceError(
      `${configDirectory} has no config/west.yml, so that it is not known which ZMK it wants. Add one, as ZMK's template has it.`,
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

/** What can be packed of a workspace that is not known here; undefined when there is none at this path. */
async function unregistered(
  directory: string,
): Promise<Pick<KnownWorkspace, 'path' | 'repository' | 'revision' | 'manifests'> | undefined> {
  const settings = await readWestConfig(directory).catch(() => undefined);
  if (!settings) return undefined;
  const { repository, revision, digest } = await readManifest(settings.manifestFile);
  return { path: path.resolve(directory), repository, revision, manifests: [digest] };
}
