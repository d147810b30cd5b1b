// The command `glovebox cache`: inspects and maintains stored results.
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
    .summary('inspect, clean up and clear the caches')
    .description(
      'Inspects and maintains the caches on this machine. Each tag has one cache, which all builds share.',
    )
    .helpCommand('help [command]', 'show help for a command')
    .addHelpText(
      'after',
      examples(
        ['glovebox cache list', 'list the caches'],
        ['glovebox cache keys --tag firmware', 'list the keys of one cache'],
        ['glovebox cache clear --tag firmware', 'clear one cache'],
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
