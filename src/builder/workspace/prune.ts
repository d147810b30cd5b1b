// Pruning of workspaces: removes those that are replaced, expired or over the size limit.
import type { ByteSize, Duration } from '../../cache/cache.ts';
import { parseDuration, parseSize } from '../../cache/units.ts';
import type { KnownWorkspace, WorkspaceStore } from './store.ts';

/** How long a workspace is kept after its last use, by default. */
export const WORKSPACE_TTL: Duration = '30d';

/** Default limit on the size of all workspaces together: room for a dozen. */
export const WORKSPACES_MAX_SIZE: ByteSize = '20GB';

export interface PruneOptions {
  /** How long a workspace is kept after its last use. Default: {@link WORKSPACE_TTL}. */
  ttl?: Duration;
  /** Default: {@link WORKSPACES_MAX_SIZE}. */
  maxSize?: ByteSize;
  /** In milliseconds since the epoch. */
  now: number;
  /** The name of a workspace to keep. */
  keep?: string;
}

/**
 * Removes managed workspaces that a newer one replaces or that were unused for longer than the TTL; then the least
 * recently used, until all fit the limit. Never removes one that a build uses, or a user's own. Resolves to the removed
 * ones, once their files are gone.
 */
export async function pruneWorkspaces(
  store: WorkspaceStore,
  { ttl = WORKSPACE_TTL, maxSize = WORKSPACES_MAX_SIZE, now, keep }: PruneOptions,
): Promise<KnownWorkspace[]> {
  await store.removeOrphans();
  const lifetime = parseDuration(ttl, 'workspaces.ttl') ?? Number.POSITIVE_INFINITY;
  const limit = parseSize(maxSize, 'workspaces.maxSize');
  const made = (await store.list()).filter(({ kind }) => kind === 'made');
  const removed: KnownWorkspace[] = [];
  const remove = async (known: KnownWorkspace) => {
    if (known.name === keep || removed.includes(known)) return;
    if ((await store.remove(known.name)) === 'removed') removed.push(known);
  };
  const served = new Set<string>();
  for (const known of made) {
    // Newest first.
    if (known.manifests.every(manifest => served.has(manifest))) await remove(known);
    else if (known.lastUsed + lifetime <= now) await remove(known);
    for (const manifest of known.manifests) served.add(manifest);
  }
  const byUse = made.filter(known => !removed.includes(known)).sort((a, b) => a.lastUsed - b.lastUsed);
  let total = byUse.reduce((sum, { size }) => sum + size, 0);
  for (const known of byUse) {
    if (total <= limit) break;
    await remove(known);
    if (removed.includes(known)) total -= known.size;
  }
  return removed;
}
