// The command `glovebox workspace delete`: removes managed workspaces and unregisters external ones.
import type { Command } from 'commander';
import { createCommand, examples } from '../../command.ts';
import type { Context } from '../../context.ts';
import { formatBytes } from '../../terminal/bytes.ts';
import { addWorkspaceOptions, type WorkspaceFlags, withWorkspaces } from './options.ts';

export function deleteCommand(context: Context): Command {
  return addWorkspaceOptions(createCommand('delete', context))
    .description(
      'Removes workspaces that Glovebox created, and unregisters workspaces that were added, without changing them. Workspaces in use by a build are kept.',
    )
    .argument('<workspace...>', 'names or paths')
    .addHelpText('after', examples(['glovebox workspace delete zmk-main-1f8e9a77', 'delete one workspace']))
    .action((asked: string[], flags: WorkspaceFlags) =>
      withWorkspaces(context, flags, context.cwd, async ({ service }) => {
        const deleted: string[] = [];
        for (const one of asked) {
          const { name, kind, size, path } = await service.remove(one);
          deleted.push(name);
          if (flags.json) continue;
          const made = `Removed ${name}, ${formatBytes(size)}`;
          context.print(kind === 'made' ? made : `Forgot ${name}; ${path} stays as it is`);
        }
        if (flags.json) context.printJson({ deleted });
      }),
    );
}
