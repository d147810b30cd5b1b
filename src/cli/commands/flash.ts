// The command `glovebox flash`: builds firmware and copies it to the keyboard's boot loader.
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { createCommand, examples } from '../command.ts';
import type { Context } from '../context.ts';
import { addBuildOptions, addOutputOptions } from './build-options.ts';
import { type BuildFlags, runBuild } from './run-build.ts';

interface FlashFlags extends BuildFlags {
  config: string;
}

export function flashCommand(context: Context): Command {
  const command = createCommand('flash', context)
    .summary('build firmware and copy it to the keyboard')
    .description(
      `Builds the firmware of a keyboard, waits for the UF2 drive of its boot loader, and copies it there; then the other half.
Only a drive that is a UF2 boot loader's, and takes firmware for its controller, is written to.`,
    )
    .argument(
      '[target]',
      'artifact name, or a part of one, such as left (default: all parts of the keyboard)',
    )
    .option('--config <dir>', 'directory of build.yaml', '.')
    .option('--drive <dir>', 'where the UF2 drive is mounted (default: found automatically)');
  addBuildOptions(command);
  return addOutputOptions(command)
    .addHelpText(
      'after',
      `${examples(
        ['glovebox flash', 'both halves, the left one first'],
        ['glovebox flash left', 'only the left half'],
        ['glovebox flash settings_reset', 'the firmware that erases the settings'],
        ['glovebox flash --drive /mnt/uf2', 'a drive that you mounted yourself'],
      )}

Exit status: 0 all firmware is on the keyboard, 1 it is not, 2 wrong usage, 130 after Ctrl-C.`,
    )
    .action(async (target: string | undefined, { config, ...flags }: FlashFlags) => {
      context.exitStatus = await runBuild(context, resolve(context.cwd, config), {
        ...flags,
        flash: true,
        ...(target !== undefined && { flashTarget: target }),
      });
    });
}
