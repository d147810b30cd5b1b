// The command `glovebox workspace add`: registers an existing workspace in place.
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { createCommand, examples } from '../../command.ts';
import type { Context } from '../../context.ts';
import { addWorkspaceOptions, type WorkspaceFlags, withWorkspaces, workspaceJson } from './options.ts';

export function addCommand(context: Context): Command {
  return addWorkspaceOptions(createCommand('add', context))
    .description(
      'Registers a west workspace in place. Glovebox never changes or removes it. Configs with the same west.yml use it, and so does the config in this directory.',
    )
    .argument('<path>', "workspace root, as printed by 'west topdir'")
    .option('-c, --config <dir>', 'config to build in it', '.')
    .addHelpText(
      'after',
      examples(['glovebox workspace add ~/zmkproject', 'register it for the config in this directory']),
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
