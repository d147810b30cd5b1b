// The commands `glovebox workspace create` and `update`: create the workspace of a config.
import { resolve } from 'node:path';
import type { Command } from 'commander';
import type { WorkspaceEvent, WorkspaceResult } from '../../../builder/workspace/index.ts';
import { createCommand as createBareCommand, examples } from '../../command.ts';
import type { Context } from '../../context.ts';
import { formatBytes } from '../../terminal/bytes.ts';
import { sanitizeLine } from '../../terminal/text.ts';
import {
  addWorkspaceOptions,
  printRemoved,
  type WorkspaceFlags,
  withWorkspaces,
  workspaceJson,
} from './options.ts';

interface CreateFlags extends WorkspaceFlags {
  offline?: boolean;
  verbose?: boolean;
}

export function createCommand(context: Context): Command {
  return addMakingOptions(createBareCommand('create', context))
    .summary('create a workspace for a config')
    .description(
      "Creates a workspace with all projects of the config's west.yml, unless one exists. Needs west and git.",
    )
    .addHelpText(
      'after',
      `${examples(
        ['glovebox workspace create', 'create one for the config in this directory'],
        ['glovebox workspace create ~/corne', 'create one for another config'],
        ['glovebox workspace create --offline', 'use only what was fetched before'],
      )}

When it is interrupted, nothing half-made can be seen, and the next run goes on with what was fetched.`,
    )
    .action((directory: string, flags: CreateFlags) => make(context, directory, flags, 'create'));
}

export function updateCommand(context: Context): Command {
  return addMakingOptions(createBareCommand('update', context))
    .summary("follow a config's moving revisions, such as main")
    .description('Checks the revisions in west.yml. If one has moved, a new workspace replaces the old one.')
    .addHelpText(
      'after',
      examples(
        ['glovebox workspace update', 'update the one for the config in this directory'],
        ['glovebox workspace update --verbose', 'also print the output of west and git'],
      ),
    )
    .action((directory: string, flags: CreateFlags) => make(context, directory, flags, 'update'));
}

function addMakingOptions(command: Command): Command {
  return addWorkspaceOptions(
    command
      .argument('[config-dir]', 'directory of build.yaml', '.')
      .option('--offline', 'do not use the network')
      .option('-v, --verbose', 'print every line of output from west and git'),
  );
}

async function make(
  context: Context,
  directory: string,
  flags: CreateFlags,
  how: 'create' | 'update',
): Promise<void> {
  const configDirectory = resolve(context.cwd, directory);
  await withWorkspaces(context, flags, configDirectory, async ({ service, signal }) => {
    const options = { offline: flags.offline, signal, onEvent: printEvent(context, flags) };
    const result = await service[how](configDirectory, options);
    if (flags.json) {
      const removed = result.removed.map(({ name }) => name);
      context.printJson({ ...workspaceJson(result.workspace), made: result.made, removed });
    } else {
      print(context, result);
    }
  });
}

function printEvent(context: Context, flags: CreateFlags): (event: WorkspaceEvent) => void {
  return event => {
    if (flags.json) return;
    if (event.type === 'waiting')
      context.print('Waiting for another process that is creating this workspace');
    else if (event.type === 'project' && !flags.verbose)
      context.print(`Updating ${sanitizeLine(event.name)}`);
    else if (event.type === 'output' && flags.verbose) context.print(sanitizeLine(event.line));
  };
}

function print(context: Context, { workspace, made, removed }: WorkspaceResult): void {
  const { name, path, size, kind } = workspace;
  const bytes = kind === 'made' ? ` (${formatBytes(size)})` : '';
  context.print(`${made ? 'Made' : 'There is'} ${context.style.bold(name)}${bytes}\n  ${path}`);
  printRemoved(context, removed);
}
