// `glovebox cache`: looking after what the builds have stored.
import type { Command } from 'commander';
import { createCommand, examples } from '../command.ts';
import type { Context } from '../context.ts';
import { checkCommand } from './cache/check.ts';
import { cleanupCommand } from './cache/cleanup.ts';
import { clearCommand } from './cache/clear.ts';
import { deleteCommand } from './cache/delete.ts';
import { keysCommand } from './cache/keys.ts';
import { listCommand } from './cache/list.ts';
import { showCommand } from './cache/show.ts';
import { statsCommand } from './cache/stats.ts';

export function cacheCommand(context: Context): Command {
  const command = createCommand('cache', context)
    .summary('look into the caches, tidy them, empty them')
    .description('Looks after the caches on this machine: one for each tag, shared by all builds.')
    .helpCommand('help [command]', 'show the help of a command')
    .addHelpText(
      'after',
      examples(
        ['glovebox cache list', 'the caches there are'],
        ['glovebox cache keys --tag firmware', 'what one of them holds'],
        ['glovebox cache clear --tag firmware', 'empty one of them'],
        ['glovebox cache check', 'verify every entry and file'],
      ),
    );
  for (const create of [
    listCommand,
    statsCommand,
    keysCommand,
    showCommand,
    deleteCommand,
    clearCommand,
    cleanupCommand,
    checkCommand,
  ]) {
    command.addCommand(create(context));
  }
  return command;
}
