// `glovebox layout`: the layers of a keymap, drawn.
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { createCommand, examples } from '../command.ts';
import type { Context } from '../context.ts';
import { EXIT_FAILED } from '../errors.ts';

interface LayoutFlags {
  json?: boolean;
}

export function layoutCommand(context: Context): Command {
  return createCommand('layout', context)
    .summary('draw the layers of a keymap')
    .description('Draws the layers of a ZMK keymap.')
    .argument('<keymap>', 'a .keymap file')
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      `${examples(
        ['glovebox layout config/corne.keymap', 'all layers'],
        ["glovebox layout config/corne.keymap --json | jq '.layers[].name'", 'their names, for a program'],
      )}

Exit status: 0 the keymap is in order, 1 it has errors.`,
    )
    .action(async (keymap: string, flags: LayoutFlags) => {
      const [{ createLayoutService, drawLayout }, { loadUserConfig }] = await Promise.all([
        import('../../domains/layout/index.ts'),
        import('../../config/load-user-config.ts'),
      ]);
      const userConfig = await loadUserConfig({ directory: context.cwd });
      const layout = await createLayoutService({ userConfig }).layoutOf(resolve(context.cwd, keymap));
      if (flags.json) {
        context.printJson(layout);
      } else {
        context.print(drawLayout(layout, { width: context.stdout.columns }));
      }
      for (const { line, column, message } of layout.errors) {
        context.stderr.write(`${keymap}:${line}:${column}: ${context.errorStyle.bad('error:')} ${message}\n`);
      }
      if (layout.errors.length > 0) {
        context.exitStatus = EXIT_FAILED;
      }
    });
}
