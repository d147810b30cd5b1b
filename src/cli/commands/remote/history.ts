// The counts of the remote caches that this machine has used, by the address of each, as commands show them.
import { REMOTE_HISTORY_TAG, type RemoteCounts, readHistory } from '../../../cache/remote/history.ts';
import type { Context } from '../../context.ts';
import { existingTags, openCaches, resolveCacheRoot } from '../../open-caches.ts';

/** Each server's address with its counts, in the order of the addresses; none where no remote cache was used. */
export async function readRemoteHistory(
  context: Context,
  flags: { cacheDir?: string },
): Promise<[url: string, counts: RemoteCounts][]> {
  const root = await resolveCacheRoot(context, flags);
  if (!(await existingTags(root)).includes(REMOTE_HISTORY_TAG)) return [];
  const open = await openCaches(context, { ...flags, tag: REMOTE_HISTORY_TAG });
  try {
    return [...(await readHistory(open.caches[0]!))].sort(([one], [other]) => (one < other ? -1 : 1));
  } finally {
    await open.close();
  }
}
