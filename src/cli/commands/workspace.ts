// `glovebox workspace`: looking after the west workspaces that firmware is built in.
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
    .summary('make, move and remove west workspaces')
    .description(
      'Looks after west workspaces: ZMK, Zephyr and modules at the revisions that a config asks for, kept for all configs that ask for the same.',
    )
    .helpCommand('help [command]', 'show the help of a command')
    .addHelpText(
      'after',
      examples(
        ['glovebox workspace create', "one for this config's west.yml"],
        ['glovebox workspace add ~/zmkproject', 'use one that exists'],
        ['glovebox workspace list', 'those there are'],
        ['glovebox workspace export -o zmk.tar.zst', 'take one to another machine'],
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
