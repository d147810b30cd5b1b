// The command `glovebox layout`: draws the layers of a keymap.
import { basename, resolve } from 'node:path';
import type { Command } from 'commander';
import { createCommand, examples } from '../command.ts';
import type { Context } from '../context.ts';
import { EXIT_FAILED, UsageError } from '../errors.ts';
import { sanitizeLine, shortPath } from '../terminal/text.ts';

interface LayoutFlags {
  json?: boolean;
  svg?: string;
  workspace?: string;
}

export function layoutCommand(context: Context): Command {
  return createCommand('layout', context)
    .summary('draw the layers of a keymap')
    .description(
      `Draws the layers of a ZMK keymap. Includes and macros are read as a build reads them: beside the keymap and in the
west workspace, if there is one; without it, what ZMK's own headers say about keys is known all the same. In an SVG,
the keys are where the keyboard's physical layout has them, if the config or the workspace has one.`,
    )
    .argument('<keymap>', 'a .keymap file')
    .option('--workspace <dir>', 'west workspace for includes (default: found automatically)')
    .option('--svg <file>', 'write a picture of the layers, for light and dark mode (- for standard output)')
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      `${examples(
        ['glovebox layout config/corne.keymap', 'draw all layers'],
        ['glovebox layout config/corne.keymap --svg corne.svg', 'a picture for a README'],
        ["glovebox layout config/corne.keymap --json | jq '.layers[].name'", 'print the names of the layers'],
      )}

Exit status: 0 the keymap is in order, 1 it has errors or could not be read whole.`,
    )
    .action(async (keymap: string, flags: LayoutFlags) => {
      if (flags.svg !== undefined && flags.json) {
        throw new UsageError('--svg and --json cannot be combined. Use one of them.');
      }
      const [{ createLayoutService }, { drawLayout }, { loadUserConfig }] = await Promise.all([
        import('../../builder/layout/layout-service.ts'),
        import('../../keymap/index.ts'),
        import('../../config/load-user-config.ts'),
      ]);
      const userConfig = await loadUserConfig({ directory: context.cwd });
      const workspace = flags.workspace && resolve(context.cwd, flags.workspace);
      const file = resolve(context.cwd, keymap);
      const layout = await createLayoutService({ userConfig }).layoutOf(file, { workspace });
      if (flags.svg !== undefined) {
        const [{ findPhysicalLayouts }, { layoutSvg }, { writeReport }] = await Promise.all([
          import('../../builder/layout/physical-layouts.ts'),
          import('../report/layout-svg.ts'),
          import('../report/write.ts'),
        ]);
        const physical = await findPhysicalLayouts(file, { workspace, userConfig });
        const svg = layoutSvg(basename(file), layout, physical);
        if (flags.svg === '-') context.stdout.write(svg);
        else await writeReport(resolve(context.cwd, flags.svg), svg);
      } else if (flags.json) {
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
