// History of the remote tier: its counts for this machine, over all processes so far.
import type { Cache } from '../cache.ts';
import type { RemoteStats } from './remote-tier.ts';

/** The tag of the local cache that keeps the counts. */
export const REMOTE_HISTORY_TAG = 'glovebox-remote';

const COUNTS = [
  ...(['hits', 'misses', 'refused', 'failed', 'skipped'] as const),
  ...(['stored', 'notStored', 'bytesReceived', 'bytesSent'] as const),
] as const;

export type RemoteCounts = Pick<RemoteStats, (typeof COUNTS)[number]>;

/** Adds the counts of a tier that was closed, each exactly once, even if other processes do so at the same time. */
export async function addToHistory(cache: Cache, url: string, stats: RemoteCounts): Promise<void> {
  await Promise.all(
    COUNTS.filter(name => stats[name] > 0).map(name => cache.increment(`${name} ${url}`, stats[name])),
  );
}

/** The counts of each server, by its address. */
export async function readHistory(cache: Cache): Promise<Map<string, RemoteCounts>> {
  const history = new Map<string, RemoteCounts>();
  for await (const [key, value] of cache.entries()) {
    const [, name, url] = /^(\w+) (.+)$/.exec(key) ?? [];
    const count = COUNTS.find(one => one === name);
    if (count === undefined || url === undefined || typeof value !== 'number') continue;
    const counts =
      history.get(url) ?? (Object.fromEntries(COUNTS.map(one => [one, 0])) as unknown as RemoteCounts);
    counts[count] = value;
    history.set(url, counts);
  }
  return history;
}
