// The command `glovebox watch`: builds after every saved change, and shows the build and its keymaps on a page.
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { createCommand, examples } from '../command.ts';
import type { Context } from '../context.ts';
import { addBuildOptions, addOutputOptions } from './build-options.ts';
import { type BuildFlags, runBuild } from './run-build.ts';

export function watchCommand(context: Context): Command {
  const command = createCommand('watch', context)
    .summary('build after every saved change, with a live page')
    .description(
      `Builds, and again after every saved change, until Ctrl-C: the same as glovebox build --watch --page. The page shows the
layers of the keymaps as they are saved, each target's state, mistakes, and the log's end. Only this machine can open it.`,
    )
    .argument('[config-dir]', 'directory of build.yaml', '.')
    .option('--open', 'open the page in the browser');
  addBuildOptions(command);
  command.option('-e, --explain', 'print for every target why it is compiled or not');
  return addOutputOptions(command)
    .addHelpText(
      'after',
      examples(
        ['glovebox watch --open', 'build, and watch in the browser'],
        ['glovebox watch ~/corne', 'another config'],
      ),
    )
    .action(async (configDirectory: string, flags: BuildFlags) => {
      context.exitStatus = await runBuild(context, resolve(context.cwd, configDirectory), {
        ...flags,
        watch: true,
        page: true,
      });
    });
}
