// `glovebox workspace import`: a workspace out of a file.
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { createCommand, examples } from '../../command.ts';
import type { Context } from '../../context.ts';
import { formatBytes } from '../cache/options.ts';
import {
  addWorkspaceOptions,
  createProgress,
  printRemoved,
  type WorkspaceFlags,
  withWorkspaces,
  workspaceJson,
} from './options.ts';

export function importCommand(context: Context): Command {
  return addWorkspaceOptions(createCommand('import', context))
    .description(
      'Takes in a workspace that was exported elsewhere, and verifies it. Configs that ask for the same are then built in it, offline. What is built runs programs that are in it: import only what you trust.',
    )
    .argument('<file>', 'the archive')
    .addHelpText('after', examples(['glovebox workspace import workspace.tar.zst', 'from another machine']))
    .action((file: string, flags: WorkspaceFlags) =>
      withWorkspaces(context, flags, context.cwd, async ({ service, signal }) => {
        const progress = createProgress(context, 'Unpacking');
        const { workspace, made, removed } = await service
          .import(resolve(context.cwd, file), { signal, onProgress: progress.update })
          .finally(() => progress.end());
        if (flags.json) {
          context.printJson({ ...workspaceJson(workspace), made, removed: removed.map(({ name }) => name) });
          return;
        }
        const { name, path, size } = workspace;
        context.print(
          `${made ? 'Imported' : 'There is'} ${context.style.bold(name)} (${formatBytes(size)})\n  ${path}`,
        );
        printRemoved(context, removed);
      }),
    );
}
