// Check of the remote cache for `glovebox doctor`: whether builds can use the configured one, and its counts so far.
import type { RemoteCounts } from '../../../cache/remote/history.ts';
import { resolveRemoteOptions } from '../../../cache/remote/options.ts';
import { remoteOptionsFor } from '../../../config/remote-config.ts';
import type { UserConfig } from '../../../config/user-config.ts';
import type { Context } from '../../context.ts';
import { plural } from '../../terminal/text.ts';
import { readRemoteHistory } from '../remote/history.ts';

export interface RemoteFinding {
  name: string;
  status: 'ok' | 'warning' | 'problem';
  detail: string;
  remedy?: string;
}

/** One finding; none where there is no remote cache. The server itself is not asked: `glovebox remote check` does that. */
export async function examineRemote(
  context: Context,
  flags: { cacheDir?: string },
  config: UserConfig | undefined,
): Promise<RemoteFinding[]> {
  const name = 'remote cache';
  try {
    const options = config === undefined ? undefined : remoteOptionsFor(config);
    if (options === undefined) return [];
    const lacksKey = options.mode === 'read-write' && options.signingKey === undefined;
    const { url, mode } = resolveRemoteOptions(lacksKey ? { ...options, mode: 'read' } : options);
    const detail = `${url.href} (${mode}), ${await countsOf(url.href, context, flags)}`;
    if (!lacksKey) return [{ name, status: 'ok', detail }];
    const remedy = 'To write there, too: glovebox remote keygen, or set GLOVEBOX_SIGNING_KEY.';
    return [{ name, status: 'warning', detail: `${detail}\nThere is no key to sign with`, remedy }];
  } catch (error) {
    return [{ name, status: 'problem', detail: error instanceof Error ? error.message : String(error) }];
  }
}

async function countsOf(url: string, context: Context, flags: { cacheDir?: string }): Promise<string> {
  // A cache that cannot be read has a finding of its own.
  const history = await readRemoteHistory(context, flags).catch(() => []);
  const counts = history.find(([used]) => used === url)?.[1];
  return counts === undefined ? 'not used yet' : countWords(counts);
}

function countWords({ hits, misses, stored, notStored, refused, failed }: RemoteCounts): string {
  return [
    plural(hits, 'hit'),
    plural(misses, 'miss', 'misses'),
    `${stored} stored`,
    `${refused} refused`,
    ...(notStored > 0 ? [`${notStored} not stored`] : []),
    ...(failed > 0 ? [plural(failed, 'failed request')] : []),
  ].join(', ');
}
