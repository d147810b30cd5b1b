// The command `glovebox watch`: builds after every saved change, and shows the build and its keymaps on a page.
import { resolve } from 'node:path';
import type { Command } from 'commander';
import type { ToolchainKind } from '../../config/toolchain-options.ts';
import { createCommand, examples, parseChoice, parseCount } from '../command.ts';
import type { Context } from '../context.ts';
import { type BuildFlags, runBuild } from './run-build.ts';

export function watchCommand(context: Context): Command {
  return createCommand('watch', context)
    .summary('build after every saved change, with a live page')
    .description(
      `Builds, and again after every saved change, until Ctrl-C: the same as glovebox build --watch --page. The page shows the
layers of the keymaps as they are saved, each target's state, mistakes, and the log's end. Only this machine can open it.`,
    )
    .argument('[config-dir]', 'directory of build.yaml', '.')
    .option('--open', 'open the page in the browser')
    .option('-j, --jobs <n>', 'number of targets compiled at once (default: number of cores)', parseCount)
    .option('--build-file <file>', 'build matrix, in the config directory (default: build.yaml)')
    .option('--config-path <dir>', 'directory of the keymaps, in the config directory (default: config)')
    .option('-o, --output <dir>', 'directory for the firmware (default: firmware/ in the config directory)')
    .option(
      '-t, --toolchain <kind>',
      'toolchain: west, container or command',
      parseChoice<ToolchainKind>(['west', 'container', 'command']),
    )
    .option('--workspace <dir>', 'west workspace to build in (default: found automatically)')
    .option('--offline', 'do not use the network: pull no image, query no remote cache')
    .option('-e, --explain', 'print for every target why it is compiled or not')
    .option('--no-cache', 'compile everything and store nothing')
    .option('--cache-dir <dir>', 'cache root (default: GLOVEBOX_CACHE_DIR, else from the config file)')
    .option('-v, --verbose', 'print every line of compiler output, and every reason')
    .option('--json', 'print events as JSON, one per line')
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
