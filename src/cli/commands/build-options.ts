// Options that all commands which build have in common.
import type { Command } from 'commander';
import type { ToolchainKind } from '../../config/toolchain-options.ts';
import { parseChoice, parseCount } from '../command.ts';

/** Adds the options that say what is built, where, and with which help. */
export function addBuildOptions(command: Command): Command {
  return command
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
    .option('--agents', 'have agents compile targets, too (default: if a queue is configured)')
    .option('--no-agents', 'compile everything on this machine')
    .option('--offline', 'do not use the network: pull no image, query no remote cache, use no agents');
}

/** Adds the options that say what is kept, and what is printed. */
export function addOutputOptions(command: Command): Command {
  return command
    .option('--no-cache', 'compile everything and store nothing')
    .option('--cache-dir <dir>', 'cache root (default: GLOVEBOX_CACHE_DIR, else from the config file)')
    .option('-v, --verbose', 'print every line of compiler output, and every reason')
    .option('--json', 'print events as JSON, one per line');
}
