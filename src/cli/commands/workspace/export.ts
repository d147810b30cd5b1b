// The command `glovebox workspace export`: packs a workspace into one file.
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { createCommand, examples } from '../../command.ts';
import type { Context } from '../../context.ts';
import { UsageError } from '../../errors.ts';
import { formatBytes } from '../../terminal/bytes.ts';
import { addWorkspaceOptions, createProgress, type WorkspaceFlags, withWorkspaces } from './options.ts';

export function exportCommand(context: Context): Command {
  return addWorkspaceOptions(createCommand('export', context))
    .description(
      'Packs a workspace with everything that a build needs, for a machine that is offline or new.',
    )
    .argument('[workspace]', 'name or path (default: the workspace of the config in this directory)')
    .option('-o, --output <file>', 'archive file, ending in .tar.zst, .tar.gz or .zip', 'workspace.tar.zst')
    .addHelpText(
      'after',
      examples(
        ['glovebox workspace export', "export this config's workspace to workspace.tar.zst"],
        ['glovebox workspace export zmk-main-1f8e9a77 -o zmk.zip', 'export another workspace'],
      ),
    )
    .action((asked: string | undefined, flags: WorkspaceFlags & { output: string }) =>
      withWorkspaces(context, flags, context.cwd, async ({ service, find, signal }) => {
        const which = asked ?? (await find(context.cwd));
        if (which === undefined) {
          throw new UsageError(
            "There is no workspace for the config in this directory. Name one of those that 'glovebox workspace list' shows.",
          );
        }
        const file = resolve(context.cwd, flags.output);
        const progress = createProgress(context, 'Packing');
        const bytes = await service
          .export(which, file, { signal, onProgress: progress.update })
          .finally(() => progress.end());
        const { stat } = await import('node:fs/promises');
        const { size } = await stat(file);
        if (flags.json) context.printJson({ file, size, bytes });
        else context.print(`Packed ${formatBytes(bytes)} into ${file} (${formatBytes(size)})`);
      }),
    );
}
