// The command `glovebox workspace show`: shows a workspace's checkouts and local changes.
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { createCommand, examples } from '../../command.ts';
import type { Context } from '../../context.ts';
import { EXIT_FAILED } from '../../errors.ts';
import { formatBytes } from '../../terminal/bytes.ts';
import { tableLines } from '../../terminal/table.ts';
import { sanitizeLine } from '../../terminal/text.ts';
import { addWorkspaceOptions, type WorkspaceFlags, withWorkspaces, workspaceJson } from './options.ts';

export function showCommand(context: Context): Command {
  return addWorkspaceOptions(createCommand('show', context))
    .description(
      'Shows the checkout of each project in a workspace, and which projects were moved or have changes.',
    )
    .argument('[workspace]', 'name or path (default: the workspace of the config in this directory)')
    .addHelpText(
      'after',
      `${examples(
        ['glovebox workspace show', "show this config's workspace"],
        ['glovebox workspace show ~/zmkproject', 'show any west workspace'],
        ["glovebox workspace show --json | jq '.projects | map_values(.head)'", 'print the commits'],
      )}

Exit status: 0 it was shown, 1 there is none.`,
    )
    .action((asked: string | undefined, flags: WorkspaceFlags) =>
      withWorkspaces(context, flags, context.cwd, async ({ service, find, signal }) => {
        const { describeWorkspace, workspaceIdentity } = await import('../../../builder/workspace/index.ts');
        const known = asked === undefined ? undefined : await service.get(asked);
        const directory =
          known?.path ?? (asked === undefined ? await find(context.cwd) : resolve(context.cwd, asked));
        if (directory === undefined) {
          const remedy =
            "Create one with 'glovebox workspace create', or register one with 'glovebox workspace add PATH'.";
          context.stderr.write(`error: There is no workspace for the config in this directory. ${remedy}\n`);
          context.exitStatus = EXIT_FAILED;
          return;
        }
        const registered = known ?? (await service.get(directory));
        const { projects } = await workspaceIdentity(directory, { signal });
        const notes = describeWorkspace({ manifest: '', settings: '', projects });
        if (flags.json) {
          const about = registered ? workspaceJson(registered) : { path: directory };
          context.printJson({ ...about, projects, notes });
          return;
        }
        const rows = [['path', sanitizeLine(directory)]];
        if (registered) {
          const { name, repository, revision, kind, size, created, lastUsed } = registered;
          rows.unshift(['name', name]);
          rows.push(['made from', sanitizeLine(`${repository} ${revision}`)]);
          if (kind === 'made') rows.push(['size', formatBytes(size)]);
          else rows.push(['kept by', 'you: Glovebox never changes or removes it']);
          rows.push([kind === 'made' ? 'made' : 'registered', new Date(created).toISOString()]);
          rows.push(['last used', new Date(lastUsed).toISOString()]);
        }
        context.print(tableLines(rows).join('\n'));
        const lines = Object.entries(projects).map(([place, { head }]) => [
          `  ${sanitizeLine(place)}`,
          head.slice(0, 12),
        ]);
        context.print(['projects', ...tableLines(lines)].join('\n'));
        for (const note of notes) context.print(context.style.warning(`! ${sanitizeLine(note)}`));
      }),
    );
}
