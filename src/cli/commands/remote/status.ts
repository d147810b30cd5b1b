// The command `glovebox remote status`: shows this machine's use of the remote cache.
import type { Command } from 'commander';
import type { RemoteCounts } from '../../../cache/remote/history.ts';
import { createCommand, examples } from '../../command.ts';
import type { Context } from '../../context.ts';
import { formatBytes } from '../../terminal/bytes.ts';
import { tableLines } from '../../terminal/table.ts';
import { addRootOptions } from '../cache/options.ts';
import { readRemoteHistory } from './history.ts';

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
      const history = await readRemoteHistory(context, flags);
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
