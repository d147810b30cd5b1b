// `glovebox remote`: the shared HTTP cache.
import type { Command } from 'commander';
import { createCommand, examples } from '../command.ts';
import type { Context } from '../context.ts';
import { checkCommand } from './remote/check.ts';
import { keygenCommand } from './remote/keygen.ts';
import { statusCommand } from './remote/status.ts';

export function remoteCommand(context: Context): Command {
  const command = createCommand('remote', context)
    .summary('set up and check the shared cache of a team')
    .description('Sets up and checks the remote cache: an HTTP server that CI and laptops share.')
    .helpCommand('help [command]', 'show the help of a command')
    .addHelpText(
      'after',
      examples(
        ['glovebox remote keygen', 'a key to sign with, for a machine that writes'],
        ['glovebox remote check', 'whether the server does all that builds need'],
        ['glovebox remote status', 'what it did for this machine so far'],
      ),
    );
  for (const create of [keygenCommand, checkCommand, statusCommand]) command.addCommand(create(context));
  return command;
}
