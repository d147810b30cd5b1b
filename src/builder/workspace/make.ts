// Creation of a workspace for a manifest: staged out of sight, and published when complete.
import { constants } from 'node:fs';
import { copyFile, mkdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { cacheKey, type KeyPart } from '../../cache/cache-key.ts';
import { diskUsage } from './disk-usage.ts';
import { removeUnusedRepositories, reuseRepositories } from './git-object-reuse.ts';
import { workspaceIdentity } from './identity.ts';
import { manifestProjects } from './projects.ts';
import type { KnownWorkspace, WorkspaceStore } from './store.ts';
import { runWest } from './west.ts';
import type { WestManifest } from './west-manifest.ts';

/** Events during the creation of a workspace. */
export type WorkspaceEvent =
  /** Another process is creating a workspace for the same manifest. */
  | { type: 'waiting' }
  /** West has begun with a project. */
  | { type: 'project'; name: string }
  /** A line of west's or git's output. */
  | { type: 'output'; line: string };

export interface MakeOptions {
  /** Never touches the network: everything must have been fetched before. */
  offline?: boolean;
  /** Milliseconds that a server may send nothing. Default: a minute. */
  stallTimeout?: number;
  signal?: AbortSignal;
  onEvent?: (event: WorkspaceEvent) => void;
  /** The time in milliseconds since the epoch. Default: `Date.now`. */
  clock?: () => number;
}

/**
 * Makes a workspace from the manifest's current revisions. Resolves when it is complete and registered; to the existing
 * one if that has the same commits. Called under the manifest's lock. After a failure or cancellation nothing of it is
 * visible, and the next attempt starts from what was fetched.
 */
export async function makeWorkspace(
  store: WorkspaceStore,
  manifest: WestManifest,
  { offline = false, stallTimeout, signal, onEvent, clock = Date.now }: MakeOptions,
): Promise<{ workspace: KnownWorkspace; made: boolean }> {
  const staging = store.newStagingPath();
  await mkdir(staging, { mode: 0o700 });
  try {
    await copyManifest(manifest, path.join(staging, 'config'));
    for (const stale of await store.claimStaleStaging()) {
      await reuseRepositories(stale, staging, 'move');
      await rm(stale, { recursive: true, force: true });
    }
    for (const known of await store.list()) {
      if (known.kind === 'made') await reuseRepositories(known.path, staging, 'link');
    }
    const onLine = (line: string) => {
      const name = /^=== updating (\S+)/.exec(line)?.[1];
      if (name !== undefined) onEvent?.({ type: 'project', name });
      onEvent?.({ type: 'output', line });
    };
    const west = { cwd: staging, offline, stallTimeout, signal, onLine };
    await runWest(['init', '-l', 'config'], west);
    await runWest(['update', '--narrow', '--fetch', 'smart', '-o=--depth=1'], west);
    await removeUnusedRepositories(staging);

    const resolution = await resolutionOf(staging, signal);
    const now = clock();
    const same = await store.resolvedAs(resolution);
    // Nothing has moved since, or another manifest gave the same commits. The older workspace may be in use.
    const shared = same && (await store.share(same.name, manifest.digest, now));
    if (shared) {
      await rm(staging, { recursive: true, force: true });
      return { workspace: shared, made: false };
    }
    const name = `${nameOf(manifest)}-${resolution.slice(0, 8)}`;
    const { repository, revision, digest } = manifest;
    const workspace: KnownWorkspace = {
      name,
      kind: 'made',
      repository,
      revision,
      manifests: [digest],
      resolution,
      path: store.pathOf(name),
      created: now,
      lastUsed: now,
      size: await diskUsage(staging),
    };
    await store.publish(staging, workspace);
    return { workspace, made: true };
  } catch (error) {
    await store.abandon(staging);
    throw error;
  }
}

/**
 * The digest of a workspace's projects, in the order of its manifests, and of their commits: everything that its
 * manifest selects for a build. The order counts, because the first of two modules with the same board wins.
 */
export async function resolutionOf(directory: string, signal?: AbortSignal): Promise<string> {
  const { projects: states } = await workspaceIdentity(directory, { signal });
  const resolved: [name: string, place: string, state: KeyPart][] = [];
  for await (const { name, path: place } of manifestProjects(directory)) {
    // A project of an inactive group is absent.
    const state = states[place];
    if (state === undefined) continue;
    const { head, submodules = [], changes = null } = state;
    resolved.push([name, place, [head, submodules, changes?.digest ?? null]]);
  }
  return cacheKey('resolution', resolved);
}

/** `zmk-v0.3` for revision `v0.3` of `zmkfirmware/zmk`: a recognisable name. */
export function nameOf({ repository, revision }: Pick<WestManifest, 'repository' | 'revision'>): string {
  const words = `${path.posix.basename(repository)}-${revision.slice(0, 20)}`;
  return words.replaceAll(/[^A-Za-z0-9._-]+/g, '-').replace(/^[^A-Za-z0-9_]+/, '') || 'workspace';
}

/** Copies the manifest and the files beside it that it imports, to the same relative paths as in the config. */
async function copyManifest({ file, files }: WestManifest, directory: string): Promise<void> {
  const from = path.dirname(file);
  for (const one of files) {
    const place = path.relative(from, one);
    if (place.startsWith('..')) continue;
    const target = path.join(directory, one === file ? 'west.yml' : place);
    await mkdir(path.dirname(target), { recursive: true, mode: 0o700 });
    await copyFile(one, target, constants.COPYFILE_EXCL);
  }
}
