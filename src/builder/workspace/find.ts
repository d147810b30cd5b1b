// From a config to the workspace that its firmware is built in; and keeping that one while it is used.
import { stat } from 'node:fs/promises';
import path from 'node:path';
import * as walk from 'empathic/walk';
import type { UserConfig } from '../../config/user-config.ts';
import { WorkspaceStore, workspaceRoot } from './store.ts';
import { configManifest } from './west-manifest.ts';

export interface FindWorkspaceOptions {
  userConfig?: UserConfig;
  /** Goes before the configuration. */
  cacheRoot?: string;
}

/**
 * The workspace of a config (the directory with `build.yaml`): the one that it lies in, as `west topdir` would find
 * it, else the newest that is known here for exactly what its `west.yml` says. Absolute; undefined when there is
 * none. Rejects with `WorkspaceError` when `west.yml` cannot be read.
 */
export async function findWorkspace(
  configDirectory: string,
  { userConfig, cacheRoot }: FindWorkspaceOptions = {},
): Promise<string | undefined> {
  const around = await enclosingWorkspace(configDirectory);
  if (around !== undefined) return around;
  const manifest = await configManifest(configDirectory, userConfig?.build.configPath);
  if (!manifest) return undefined;
  return (await new WorkspaceStore(workspaceRoot(userConfig, cacheRoot)).find(manifest.digest))?.path;
}

/** The workspace that a directory lies in. Absolute; undefined when it lies in none. */
export async function enclosingWorkspace(directory: string): Promise<string | undefined> {
  for (const above of walk.up(path.resolve(directory))) {
    const settings = await stat(path.join(above, '.west', 'config')).catch(() => undefined);
    if (settings?.isFile()) return above;
  }
  return undefined;
}

/**
 * Runs `work` while the workspace at `directory` is not removed by anybody, in any process; counts as a use of it.
 * One that Glovebox does not keep is never removed: then this only runs `work`. Rejects with `WorkspaceError` when
 * it was removed before.
 */
export async function useWorkspace<T>(
  directory: string,
  work: () => Promise<T>,
  { clock = Date.now }: { clock?: () => number } = {},
): Promise<T> {
  const made = path.dirname(directory);
  const root = path.dirname(made);
  const isManaged = path.basename(made) === 'made' && path.basename(root) === 'workspaces';
  if (!isManaged) return work();
  return new WorkspaceStore(root).withPin(path.basename(directory), work, clock());
}
