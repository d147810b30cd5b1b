// The command `glovebox build`: builds every target of a config, from the cache where possible.
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { createCommand, examples } from '../command.ts';
import type { Context } from '../context.ts';
import { addBuildOptions, addOutputOptions } from './build-options.ts';
import { type BuildFlags, runBuild } from './run-build.ts';

export function buildCommand(context: Context): Command {
  const command = createCommand('build', context)
    .summary('build every target of a ZMK config')
    .description(
      'Builds every target in build.yaml, in parallel. Compiles only targets that are not in the cache.',
    )
    .argument('[config-dir]', 'directory of build.yaml', '.');
  addBuildOptions(command);
  command
    .option('-n, --dry-run', 'print what would be compiled and why, without compiling')
    .option('-e, --explain', 'print for every target why it is compiled or not')
    .option('--verify', 'compile every target a second time, from scratch, and compare')
    .option('-w, --watch', 'rebuild after every saved change, until Ctrl-C')
    .option('--page', 'with --watch: serve a live page about the build to this machine')
    .option('--report <file>', 'write a report of the build: timeline, targets, caches, layers (HTML)')
    .option('--trace <file>', 'write a trace for Perfetto and chrome://tracing (JSON)')
    .option('--flash', 'then copy the firmware to the keyboard, one half after the other')
    .option('--drive <dir>', 'with --flash: where the UF2 drive is mounted (default: found automatically)');
  return addOutputOptions(command)
    .addHelpText(
      'after',
      `${examples(
        ['glovebox build', 'the config in this directory'],
        ['glovebox build ~/corne --output ~/uf2', 'another config and output directory'],
        ['glovebox build --watch', 'rebuild after every saved change'],
        ['glovebox build --agents', 'have the agents on GLOVEBOX_QUEUE compile targets, too'],
        ['glovebox build --dry-run', 'print what would be compiled, and which input changed'],
        ['glovebox build --explain', 'build, and print why each target was compiled or not'],
        ['glovebox build --report build.html', 'build, and write a report that shows where the time went'],
        ['glovebox build --json | jq -r .type', 'print the types of all events'],
      )}

Exit status: 0 all targets are built, 1 one failed, or differs with --verify, 2 wrong usage, 130 after Ctrl-C.`,
    )
    .action(async (configDirectory: string, flags: BuildFlags) => {
      context.exitStatus = await runBuild(context, resolve(context.cwd, configDirectory), flags);
    });
}
