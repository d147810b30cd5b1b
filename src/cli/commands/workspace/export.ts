// `glovebox workspace export`: a workspace into one file.
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { createCommand, examples } from '../../command.ts';
import type { Context } from '../../context.ts';
import { UsageError } from '../../errors.ts';
import { formatBytes } from '../cache/options.ts';
import { addWorkspaceOptions, createProgress, type WorkspaceFlags, withWorkspaces } from './options.ts';

export function exportCommand(context: Context): Command {
  return addWorkspaceOptions(createCommand('export', context))
    .description(
      'Packs a workspace with everything that a build needs, for a machine that is offline or starts empty.',
    )
    .argument('[workspace]', 'its name or path (default: the one for the config in this directory)')
    .option(
      '-o, --output <file>',
      'the archive: its name ends with .tar.zst, .tar.gz or .zip',
      'workspace.tar.zst',
    )
    .addHelpText(
      'after',
      examples(
        ['glovebox workspace export', "this config's, to workspace.tar.zst"],
        ['glovebox workspace export zmk-main-1f8e9a77 -o zmk.zip', 'another one'],
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
