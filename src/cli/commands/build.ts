// The command `glovebox build`: builds every target of a config, from the cache where possible.
import { resolve } from 'node:path';
import type { Command } from 'commander';
import type { BuildOptions } from '../../builder/index.ts';
import { githubEnvironment } from '../../config/environment.ts';
import type { ToolchainKind } from '../../config/toolchain-options.ts';
import { createCommand, examples, parseChoice, parseCount } from '../command.ts';
import type { Context } from '../context.ts';
import { EXIT_FAILED, EXIT_OK, UsageError } from '../errors.ts';
import { interceptSignals } from '../interrupt.ts';
import { Recording } from '../report/recording.ts';
import { createTelemetry } from '../telemetry.ts';
import { createRenderer } from '../terminal/create-renderer.ts';
import { sanitizeLine, shortPath } from '../terminal/text.ts';

interface BuildFlags {
  jobs?: number;
  buildFile?: string;
  configPath?: string;
  output?: string;
  toolchain?: ToolchainKind;
  workspace?: string;
  offline?: boolean;
  dryRun?: boolean;
  watch?: boolean;
  explain?: boolean;
  verify?: boolean;
  report?: string;
  trace?: string;
  json?: boolean;
  cache: boolean;
  cacheDir?: string;
  verbose?: boolean;
}

export function buildCommand(context: Context): Command {
  return createCommand('build', context)
    .summary('build every target of a ZMK config')
    .description(
      'Builds every target in build.yaml, in parallel. Compiles only targets that are not in the cache.',
    )
    .argument('[config-dir]', 'directory of build.yaml', '.')
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
    .option('-n, --dry-run', 'print what would be compiled and why, without compiling')
    .option('-e, --explain', 'print for every target why it is compiled or not')
    .option('--verify', 'compile every target a second time, from scratch, and compare')
    .option('-w, --watch', 'rebuild after every saved change, until Ctrl-C')
    .option('--report <file>', 'write a report of the build: timeline, targets, caches, layers (HTML)')
    .option('--trace <file>', 'write a trace for Perfetto and chrome://tracing (JSON)')
    .option('--no-cache', 'compile everything and store nothing')
    .option('--cache-dir <dir>', 'cache root (default: GLOVEBOX_CACHE_DIR, else from the config file)')
    .option('-v, --verbose', 'print every line of compiler output, and every reason')
    .option('--json', 'print events as JSON, one per line')
    .addHelpText(
      'after',
      `${examples(
        ['glovebox build', 'the config in this directory'],
        ['glovebox build ~/corne --output ~/uf2', 'another config and output directory'],
        ['glovebox build --watch', 'rebuild after every saved change'],
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

async function runBuild(context: Context, configDirectory: string, flags: BuildFlags): Promise<number> {
  if (flags.watch && flags.dryRun) {
    throw new UsageError('--watch and --dry-run cannot be combined. Use one of them.');
  }
  if (flags.verify && (flags.watch || flags.dryRun)) {
    throw new UsageError('--verify cannot be combined with --watch or --dry-run.');
  }
  const from = (file: string | undefined) => (file === undefined ? undefined : resolve(context.cwd, file));
  const reports = { report: from(flags.report), trace: from(flags.trace) };
  const recorded = Object.entries(reports).find(([, file]) => file !== undefined)?.[0];
  if (recorded !== undefined && (flags.watch || flags.dryRun)) {
    throw new UsageError(`--${recorded} records one finished build. Use it without --watch and --dry-run.`);
  }
  const { build } = await import('../../builder/build.ts');
  const renderer = await createRenderer({
    stream: context.stdout,
    environment: context.terminal,
    clock: Date.now,
    cwd: context.cwd,
    json: flags.json,
    dryRun: flags.dryRun,
    watch: flags.watch,
    explain: flags.explain,
    verbose: flags.verbose,
  });
  // One warning about the caches is enough: a fault of one store usually affects all of them.
  let warnedOfCache: string | undefined;
  context.onWarning = (message, about) => {
    if (about === 'cache' && warnedOfCache !== undefined) return;
    if (about === 'cache') warnedOfCache = message;
    renderer.event({ type: 'warning', at: Date.now(), message });
  };
  const recording = new Recording();
  const telemetry = await createTelemetry(message => context.onWarning(message));
  const onGitHub = githubEnvironment();
  const github =
    onGitHub && new (await import('../github/reporter.ts')).GitHubReporter(context, onGitHub, recording);
  const interruption = interceptSignals(context, () => renderer.stopping());
  try {
    const options: BuildOptions = {
      configDirectory,
      buildFile: flags.buildFile,
      configPath: flags.configPath,
      outputDirectory: flags.output === undefined ? undefined : resolve(context.cwd, flags.output),
      jobs: flags.jobs,
      toolchain: flags.toolchain,
      workspace: flags.workspace === undefined ? undefined : resolve(context.cwd, flags.workspace),
      offline: flags.offline,
      dryRun: flags.dryRun,
      verify: flags.verify,
      cache: flags.cache,
      cacheRoot: flags.cacheDir === undefined ? undefined : resolve(context.cwd, flags.cacheDir),
      signal: interruption.signal,
      traceparentOf: target => telemetry.traceparentOf(target),
      onEvent: event => {
        if (event.type === 'warning' && event.cacheReason !== undefined) {
          // The warning that nothing is cached may follow a lesser one, but is not repeated.
          if (warnedOfCache?.includes(sanitizeLine(event.cacheReason))) return;
          warnedOfCache = event.message;
        }
        recording.event(event);
        telemetry.event(event);
        github?.event(event);
        renderer.event(event);
      },
    };
    if (flags.watch) {
      const { watchBuild } = await import('../../builder/watch/watch.ts');
      await watchBuild(options);
      return interruption.exitStatus ?? EXIT_OK;
    }
    const summary = await build(options);
    if (recorded !== undefined) {
      const { writeReports } = await import('../report/write.ts');
      await writeReports(context, recording, reports, options);
      for (const [name, file] of Object.entries(reports)) {
        if (file !== undefined && !flags.json) {
          context.print(`  ${name === 'report' ? 'Report' : 'Trace'}: ${shortPath(file, context.cwd)}`);
        }
      }
    }
    await github?.finish(options, flags.json === true);
    return interruption.exitStatus ?? (summary.failed + (summary.different ?? 0) > 0 ? EXIT_FAILED : EXIT_OK);
  } catch (error) {
    if (interruption.exitStatus !== undefined) {
      return interruption.exitStatus;
    }
    if (!flags.json) github?.tellError(error);
    throw error;
  } finally {
    renderer.close();
    await telemetry.close();
    interruption.release();
  }
}
