// `glovebox build`: every target of a config, compiled or from the cache.
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
      'Builds every target of build.yaml: as many at once as there are cores, and only what is not in the cache.',
    )
    .argument('[config-dir]', 'the directory that holds build.yaml', '.')
    .option('-j, --jobs <n>', 'targets compiled at once (default: the number of cores)', parseCount)
    .option('--build-file <file>', 'what says what is built, in the config directory (default: build.yaml)')
    .option('--config-path <dir>', 'where the keymaps are, in the config directory (default: config)')
    .option('-o, --output <dir>', 'where the firmware goes (default: firmware/ in the config directory)')
    .option(
      '-t, --toolchain <kind>',
      'what compiles: west, container or command',
      parseChoice<ToolchainKind>(['west', 'container', 'command']),
    )
    .option('--workspace <dir>', 'the west workspace to build in (default: the one that is found)')
    .option('--offline', 'never touch the network: no image is pulled, no remote cache asked')
    .option('-n, --dry-run', 'say what would be compiled and why, and compile nothing')
    .option('-e, --explain', 'say for every target why it is compiled or not')
    .option('--verify', 'compile everything once more, from nothing, and compare')
    .option('-w, --watch', 'go on, and build again what a saved change affects, until Ctrl-C')
    .option('--report <file>', 'write a page about the build: who did what when, caches, layers (HTML)')
    .option('--trace <file>', 'write what ran where and when, for Perfetto and chrome://tracing (JSON)')
    .option('--no-cache', 'compile everything, store nothing')
    .option('--cache-dir <dir>', 'where the caches are (default: GLOVEBOX_CACHE_DIR, then the config file)')
    .option('-v, --verbose', 'print every line of the compilers, and every reason')
    .option('--json', 'print one JSON event a line')
    .addHelpText(
      'after',
      `${examples(
        ['glovebox build', 'the config in this directory'],
        ['glovebox build ~/corne --output ~/uf2', 'another config, the firmware somewhere else'],
        ['glovebox build --watch', 'again whenever something is saved'],
        ['glovebox build --dry-run', 'what would be compiled, and which input changed'],
        ['glovebox build --explain', 'build, and say why each was compiled or not'],
        ['glovebox build --report build.html', 'and a page that shows where the time went'],
        ['glovebox build --json | jq -r .type', 'the events, for a program'],
      )}

Exit status: 0 all targets are built, 1 one failed or is not the same with --verify, 2 wrong usage, 130 after Ctrl-C.`,
    )
    .action(async (configDirectory: string, flags: BuildFlags) => {
      context.exitStatus = await runBuild(context, resolve(context.cwd, configDirectory), flags);
    });
}

async function runBuild(context: Context, configDirectory: string, flags: BuildFlags): Promise<number> {
  if (flags.watch && flags.dryRun) {
    throw new UsageError('--watch builds, and --dry-run does not: use one of them.');
  }
  if (flags.verify && (flags.watch || flags.dryRun)) {
    throw new UsageError('--verify is about one build that was done: use it without --watch and --dry-run.');
  }
  const from = (file: string | undefined) => (file === undefined ? undefined : resolve(context.cwd, file));
  const reports = { report: from(flags.report), trace: from(flags.trace) };
  const recorded = Object.entries(reports).find(([, file]) => file !== undefined)?.[0];
  if (recorded !== undefined && (flags.watch || flags.dryRun)) {
    throw new UsageError(
      `--${recorded} is about one build that was done: use it without --watch and --dry-run.`,
    );
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
  // One warning about the caches is enough: what keeps one of them from working keeps all of them.
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
          // That nothing is kept at all is told after lesser trouble, but not twice.
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
