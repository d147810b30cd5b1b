// The command `glovebox workspace list`: lists the workspaces, one per line.
import type { Command } from 'commander';
import { createCommand, examples } from '../../command.ts';
import type { Context } from '../../context.ts';
import { formatBytes } from '../../terminal/bytes.ts';
import { tableLines } from '../../terminal/table.ts';
import { sanitizeLine } from '../../terminal/text.ts';
import { addWorkspaceOptions, type WorkspaceFlags, withWorkspaces, workspaceJson } from './options.ts';

export function listCommand(context: Context): Command {
  return addWorkspaceOptions(createCommand('list', context))
    .description('Lists created and registered workspaces, newest first.')
    .addHelpText(
      'after',
      examples(
        ['glovebox workspace list', 'list all workspaces'],
        ["glovebox workspace list --json | jq -r '.[].path'", 'print their paths'],
      ),
    )
    .action((flags: WorkspaceFlags) =>
      withWorkspaces(context, flags, context.cwd, async ({ service }) => {
        const known = await service.list();
        if (flags.json) {
          context.printJson(known.map(workspaceJson));
          return;
        }
        if (known.length === 0) {
          context.print("There are no workspaces. Create one with 'glovebox workspace create'.");
          return;
        }
        const rows = known.map(({ name, repository, revision, size, lastUsed, path, kind }) => [
          name,
          sanitizeLine(repository),
          sanitizeLine(revision),
          kind === 'made' ? formatBytes(size) : 'your own',
          new Date(lastUsed).toISOString().slice(0, 10),
          sanitizeLine(path),
        ]);
        const titles = ['NAME', 'REPOSITORY', 'REVISION', 'SIZE', 'LAST USED', 'PATH'];
        const [header = '', ...lines] = tableLines([titles, ...rows], [3]);
        context.print([context.style.dim(header), ...lines].join('\n'));
      }),
    );
}
