// The command `glovebox workspace`: manages the west workspaces for firmware builds.
import type { Command } from 'commander';
import { createCommand, examples } from '../command.ts';
import type { Context } from '../context.ts';
import { addCommand } from './workspace/add.ts';
import { createCommand as createOneCommand, updateCommand } from './workspace/create.ts';
import { deleteCommand } from './workspace/delete.ts';
import { exportCommand } from './workspace/export.ts';
import { importCommand } from './workspace/import.ts';
import { listCommand } from './workspace/list.ts';
import { showCommand } from './workspace/show.ts';

export function workspaceCommand(context: Context): Command {
  const command = createCommand('workspace', context)
    .summary('create, move and remove west workspaces')
    .description(
      "Manages west workspaces: ZMK, Zephyr and modules at the revisions of a config's west.yml, shared by all configs with the same revisions.",
    )
    .helpCommand('help [command]', 'show help for a command')
    .addHelpText(
      'after',
      examples(
        ['glovebox workspace create', "create one for this config's west.yml"],
        ['glovebox workspace add ~/zmkproject', 'register an existing one'],
        ['glovebox workspace list', 'list all workspaces'],
        ['glovebox workspace export -o zmk.tar.zst', 'pack one for another machine'],
      ),
    );
  for (const create of [
    createOneCommand,
    updateCommand,
    listCommand,
    showCommand,
    deleteCommand,
    addCommand,
    exportCommand,
    importCommand,
  ]) {
    command.addCommand(create(context));
  }
  return command;
}
