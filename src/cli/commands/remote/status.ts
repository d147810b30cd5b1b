// The command `glovebox remote status`: shows this machine's use of the remote cache.
import type { Command } from 'commander';
import { REMOTE_HISTORY_TAG, type RemoteCounts, readHistory } from '../../../cache/remote/history.ts';
import { createCommand, examples } from '../../command.ts';
import type { Context } from '../../context.ts';
import { existingTags, openCaches, resolveCacheRoot } from '../../open-caches.ts';
import { tableLines } from '../../terminal/table.ts';
import { addRootOptions, formatBytes } from '../cache/options.ts';

export function statusCommand(context: Context): Command {
  return addRootOptions(createCommand('status', context))
    .description('Shows downloads from and uploads to the remote cache by this machine, over all builds.')
    .addHelpText(
      'after',
      examples(
        ['glovebox remote status', 'show each server that was used'],
        ["glovebox remote status --json | jq '.remotes[].hits'", 'print the number of hits'],
      ),
    )
    .action(async (flags: { cacheDir?: string; json?: boolean }) => {
      const history = await readAll(context, flags);
      if (flags.json) {
        context.printJson({ remotes: history.map(([url, counts]) => ({ url, ...counts })) });
        return;
      }
      if (history.length === 0) context.print('This machine has not used a remote cache.');
      for (const [url, counts] of history) {
        context.print(context.style.bold(url));
        context.print(tableLines(rows(counts)).join('\n'));
      }
    });
}

async function readAll(context: Context, flags: { cacheDir?: string }): Promise<[string, RemoteCounts][]> {
  const root = await resolveCacheRoot(context, flags);
  if (!(await existingTags(root)).includes(REMOTE_HISTORY_TAG)) return [];
  const open = await openCaches(context, { ...flags, tag: REMOTE_HISTORY_TAG });
  try {
    return [...(await readHistory(open.caches[0]!))].sort(([one], [other]) => (one < other ? -1 : 1));
  } finally {
    await open.close();
  }
}

function rows(counts: RemoteCounts): string[][] {
  const { hits, misses, refused, failed, skipped, stored, notStored, bytesReceived, bytesSent } = counts;
  return [
    ['  hits', `${hits}, ${formatBytes(bytesReceived)} received`],
    ['  misses', String(misses)],
    ['  refused', `${refused} not believed`],
    ['  failed', `${failed} requests, and ${skipped} not sent`],
    ['  stored', `${stored}, ${formatBytes(bytesSent)} sent`],
    ['  not stored', String(notStored)],
  ];
}
