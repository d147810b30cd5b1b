// `glovebox workspace delete`: one that was made goes, one that was added is forgotten.
import type { Command } from 'commander';
import { createCommand, examples } from '../../command.ts';
import type { Context } from '../../context.ts';
import { formatBytes } from '../cache/options.ts';
import { addWorkspaceOptions, type WorkspaceFlags, withWorkspaces } from './options.ts';

export function deleteCommand(context: Context): Command {
  return addWorkspaceOptions(createCommand('delete', context))
    .description(
      'Removes workspaces that Glovebox made, and forgets those that were added, which stay as they are. One that a build uses is left alone.',
    )
    .argument('<workspace...>', 'names or paths')
    .addHelpText('after', examples(['glovebox workspace delete zmk-main-1f8e9a77', 'one of them']))
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
