// The command `glovebox layout`: draws the layers of a keymap.
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { createCommand, examples } from '../command.ts';
import type { Context } from '../context.ts';
import { EXIT_FAILED } from '../errors.ts';
import { sanitizeLine, shortPath } from '../terminal/text.ts';

interface LayoutFlags {
  json?: boolean;
  workspace?: string;
}

export function layoutCommand(context: Context): Command {
  return createCommand('layout', context)
    .summary('draw the layers of a keymap')
    .description(
      `Draws the layers of a ZMK keymap. Includes and macros are read as a build reads them: beside the keymap and in the
west workspace, if there is one; without it, what ZMK's own headers say about keys is known all the same.`,
    )
    .argument('<keymap>', 'a .keymap file')
    .option('--workspace <dir>', 'west workspace for includes (default: found automatically)')
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      `${examples(
        ['glovebox layout config/corne.keymap', 'draw all layers'],
        ["glovebox layout config/corne.keymap --json | jq '.layers[].name'", 'print the names of the layers'],
      )}

Exit status: 0 the keymap is in order, 1 it has errors or could not be read whole.`,
    )
    .action(async (keymap: string, flags: LayoutFlags) => {
      const [{ createLayoutService }, { drawLayout }, { loadUserConfig }] = await Promise.all([
        import('../../builder/layout/layout-service.ts'),
        import('../../keymap/index.ts'),
        import('../../config/load-user-config.ts'),
      ]);
      const userConfig = await loadUserConfig({ directory: context.cwd });
      const workspace = flags.workspace && resolve(context.cwd, flags.workspace);
      const file = resolve(context.cwd, keymap);
      const layout = await createLayoutService({ userConfig }).layoutOf(file, { workspace });
      if (flags.json) {
        context.printJson(layout);
      } else {
        context.print(drawLayout(layout, { width: context.stdout.columns }));
      }
      for (const { file: included, line, column, message } of layout.errors) {
        const where = included === undefined ? keymap : shortPath(included, context.cwd);
        context.stderr.write(
          `${sanitizeLine(where)}:${line}:${column}: ${context.errorStyle.bad('error:')} ${sanitizeLine(message)}\n`,
        );
      }
      if (layout.errors.length > 0) {
        context.exitStatus = EXIT_FAILED;
      }
    });
}
