// Lookup of the workspace that a config is built in, and the pin that keeps it from removal during use.
import { stat } from 'node:fs/promises';
import path from 'node:path';
import * as walk from 'empathic/walk';
import type { UserConfig } from '../../config/user-config.ts';
import { WorkspaceStore, workspaceRoot } from './store.ts';
import { configManifest } from './west-manifest.ts';

export interface FindWorkspaceOptions {
  userConfig?: UserConfig;
  /** Takes precedence over the configuration. */
  cacheRoot?: string;
}

/**
 * The workspace of a config (the directory with `build.yaml`): the one around it, as `west topdir` finds it, else the
 * newest registered one for exactly the content of its `west.yml`. Absolute; undefined if there is none. Rejects with
 * `WorkspaceError` if `west.yml` cannot be read.
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

/** The workspace around a directory. Absolute; undefined if there is none. */
export async function enclosingWorkspace(directory: string): Promise<string | undefined> {
  for (const above of walk.up(path.resolve(directory))) {
    const settings = await stat(path.join(above, '.west', 'config')).catch(() => undefined);
    if (settings?.isFile()) return above;
  }
  return undefined;
}

/**
 * Runs `work` while no process can remove the workspace at `directory`, and records the use. A workspace that Glovebox
 * does not manage is never removed, and then this only runs `work`. Rejects with `WorkspaceError` if it has already
 * been removed.
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
