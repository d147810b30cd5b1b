// The command `glovebox workspace import`: unpacks an exported workspace.
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { createCommand, examples } from '../../command.ts';
import type { Context } from '../../context.ts';
import { formatBytes } from '../../terminal/bytes.ts';
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
      'Unpacks and verifies a workspace that was exported elsewhere. Configs with the same revisions can then be built offline. Builds run programs from the workspace: import only archives that you trust.',
    )
    .argument('<file>', 'the archive')
    .addHelpText(
      'after',
      examples(['glovebox workspace import workspace.tar.zst', 'import from another machine']),
    )
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
