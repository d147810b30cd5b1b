// Identity of a workspace, on which the fingerprint of its firmware depends: its manifest, and the real state of every
// repository in it.
import { existsSync } from 'node:fs';
import { realpath } from 'node:fs/promises';
import path from 'node:path';
import * as walk from 'empathic/walk';
import type { Cache } from '../../cache/cache.ts';
import { mapConcurrent } from './map-concurrent.ts';
import { examineProjects, type ProjectState } from './project-state.ts';
import { repositories } from './repositories.ts';
import { canonicalWestConfig, readWestConfig } from './west-config.ts';
import { readManifest } from './west-manifest.ts';

/** Everything about a workspace that can change its firmware. Plain JSON. Its location is not included. */
export interface WorkspaceIdentity {
  /** Digest of the manifest's content, which selects the modules of a build. */
  manifest: string;
  /** West's own settings in this workspace, which reach a build as well. */
  settings: string;
  /** By path in the workspace, with `/`; `.` is a repository that holds the whole workspace. */
  projects: Record<string, ProjectState>;
}

export interface IdentityOptions {
  signal?: AbortSignal;
  /** Remembers what git's indexes say. Default: git is asked. */
  cache?: Cache | undefined;
  /** In milliseconds since the epoch. Default: `Date.now`. */
  clock?: (() => number) | undefined;
  /**
   * Absolute: the directory with `build.yaml`. The repository around it is not part of the identity, so that an edit of
   * one keymap does not change every fingerprint. If it is ZMK's own repository, only uncommitted files in the
   * directory are left out, provided that it is beside ZMK's application.
   */
  configDirectory?: string;
}

/**
 * Inspects every repository of the west workspace at `directory` (the one with `.west`), several in parallel, and
 * writes nothing. Rejects with `WorkspaceError` if it is not a workspace or git fails.
 */
export async function workspaceIdentity(
  directory: string,
  { signal, configDirectory, cache, clock }: IdentityOptions = {},
): Promise<WorkspaceIdentity> {
  const settings = await readWestConfig(directory);
  const manifest = await readManifest(settings.manifestFile);
  const config = configDirectory === undefined ? undefined : await realpath(configDirectory);
  const own = config === undefined ? undefined : repositoryOf(config);
  const aside =
    config !== undefined && own !== undefined && isBesideApplication(config, own) ? config : undefined;
  const found: [string, ProjectState][] = [];
  let places = await repositories(directory);
  while (places.length > 0) {
    const isOwn = await mapConcurrent(places, async place => {
      const project = path.join(directory, place);
      return own !== undefined && (await realpath(project)) === own && !isZmk(project);
    });
    const counting = places.filter((_, index) => !isOwn[index]);
    const examined = await examineProjects(
      counting.map(place => path.join(directory, place)),
      { signal, aside, cache, clock },
    );
    found.push(...examined.map(({ state }, index): [string, ProjectState] => [counting[index]!, state]));
    const known = new Set(found.map(([place]) => place));
    places = examined
      .flatMap(({ nested }, index) => nested.map(inner => path.posix.join(counting[index]!, inner)))
      .filter(place => !known.has(place));
  }
  const byName = found.sort(([a], [b]) => (a < b ? -1 : 1));
  return {
    manifest: manifest.digest,
    settings: canonicalWestConfig(settings),
    projects: Object.fromEntries(byName),
  };
}

function isZmk(directory: string): boolean {
  return existsSync(path.join(directory, 'app', 'CMakeLists.txt'));
}

/** Whether builds ignore a directory of ZMK's repository unless told to use it. */
function isBesideApplication(directory: string, repository: string): boolean {
  const place = path.relative(repository, directory);
  return isZmk(repository) && place !== '' && place.split(path.sep)[0] !== 'app';
}

/** The work tree around a directory, or undefined. */
function repositoryOf(directory: string): string | undefined {
  return walk.up(directory).find(above => existsSync(path.join(above, '.git')));
}
