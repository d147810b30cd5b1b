// `glovebox workspace add`: a workspace that exists is used where it is.
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { createCommand, examples } from '../../command.ts';
import type { Context } from '../../context.ts';
import { addWorkspaceOptions, type WorkspaceFlags, withWorkspaces, workspaceJson } from './options.ts';

export function addCommand(context: Context): Command {
  return addWorkspaceOptions(createCommand('add', context))
    .description(
      'Registers a west workspace where it is. Glovebox never changes or removes it. It is used for configs whose west.yml says what its own says, and for the config in this directory.',
    )
    .argument('<path>', "the directory that 'west topdir' prints")
    .option('-c, --config <dir>', 'the config that is to be built in it', '.')
    .addHelpText(
      'after',
      examples(['glovebox workspace add ~/zmkproject', 'for the config in this directory']),
    )
    .action((path: string, flags: WorkspaceFlags & { config: string }) => {
      const configDirectory = resolve(context.cwd, flags.config);
      return withWorkspaces(context, flags, configDirectory, async ({ service }) => {
        const known = await service.add(resolve(context.cwd, path), configDirectory);
        if (flags.json) context.printJson(workspaceJson(known));
        else context.print(`Registered ${context.style.bold(known.name)}\n  ${known.path}`);
      });
    });
}
