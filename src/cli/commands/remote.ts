// The command `glovebox remote`: manages the shared HTTP cache.
import type { Command } from 'commander';
import { createCommand, examples } from '../command.ts';
import type { Context } from '../context.ts';
import { checkCommand } from './remote/check.ts';
import { keygenCommand } from './remote/keygen.ts';
import { statusCommand } from './remote/status.ts';

export function remoteCommand(context: Context): Command {
  const command = createCommand('remote', context)
    .summary("set up and check a team's shared cache")
    .description('Sets up and checks the remote cache: an HTTP server that CI and laptops share.')
    .helpCommand('help [command]', 'show help for a command')
    .addHelpText(
      'after',
      examples(
        ['glovebox remote keygen', 'create a signing key for a machine that uploads'],
        ['glovebox remote check', 'check whether the server supports builds'],
        ['glovebox remote status', 'show its use by this machine so far'],
      ),
    );
  for (const create of [keygenCommand, checkCommand, statusCommand]) command.addCommand(create(context));
  return command;
}
