// Making a workspace for a manifest: in a place that nobody sees, and shown when it is complete.
import { constants } from 'node:fs';
import { copyFile, mkdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { cacheKey, type KeyPart } from '../../cache/keys.ts';
import { diskUsage } from './disk-usage.ts';
import { removeUnusedRepositories, reuseRepositories } from './git-object-reuse.ts';
import { workspaceIdentity } from './identity.ts';
import { manifestProjects } from './projects.ts';
import type { KnownWorkspace, WorkspaceStore } from './store.ts';
import { runWest } from './west.ts';
import type { WestManifest } from './west-manifest.ts';

/** What is told while a workspace is made. */
export type WorkspaceEvent =
  /** Another process makes a workspace of the same manifest. */
  | { type: 'waiting' }
  /** West begins with a project. */
  | { type: 'project'; name: string }
  /** A line that west or git printed. */
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
 * Makes a workspace of what the manifest means today, and resolves when it is whole and can be found; to the one
 * that is there already when that is the same. Called under the manifest's lock. When it fails or is cancelled,
 * nothing can be seen of it, and the next one begins with what was fetched.
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
    // Nothing has moved since, or another manifest came to the same. The older one may be in use.
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
 * The digest of the projects that a workspace has, in the order of its manifests, and of their commits: everything that
 * its manifest chooses in a build. Their order counts, because the first of two modules that have a board is taken.
 */
export async function resolutionOf(directory: string, signal?: AbortSignal): Promise<string> {
  const { projects: states } = await workspaceIdentity(directory, { signal });
  const resolved: [name: string, place: string, state: KeyPart][] = [];
  for await (const { name, path: place } of manifestProjects(directory)) {
    // One of a group that is not wanted is not there.
    const state = states[place];
    if (state === undefined) continue;
    const { head, submodules = [], changes = null } = state;
    resolved.push([name, place, [head, submodules, changes?.digest ?? null]]);
  }
  return cacheKey('resolution', resolved);
}

/** `zmk-v0.3` for revision `v0.3` of `zmkfirmware/zmk`: what a person recognises. */
export function nameOf({ repository, revision }: Pick<WestManifest, 'repository' | 'revision'>): string {
  const words = `${path.posix.basename(repository)}-${revision.slice(0, 20)}`;
  return words.replaceAll(/[^A-Za-z0-9._-]+/g, '-').replace(/^[^A-Za-z0-9_]+/, '') || 'workspace';
}

/** West finds the manifest, and those that it imports from beside it, where they would be in the config. */
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
