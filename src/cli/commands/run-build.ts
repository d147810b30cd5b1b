// One run of a build from the command line: renders its events, reports it where asked, and flashes its firmware.
import { resolve } from 'node:path';
import type { BuildOptions } from '../../builder/index.ts';
import { githubEnvironment } from '../../config/environment.ts';
import type { ToolchainKind } from '../../config/toolchain-options.ts';
import type { Context } from '../context.ts';
import { EXIT_FAILED, EXIT_OK, UsageError } from '../errors.ts';
import type { LivePage } from '../page/live-page.ts';
import { Recording } from '../report/recording.ts';
import { createTelemetry } from '../report/telemetry.ts';
import { createRenderer } from '../terminal/create-renderer.ts';
import { sanitizeLine, shortPath } from '../terminal/text.ts';
import { interceptSignals } from './interrupt.ts';

export interface BuildFlags {
  jobs?: number;
  buildFile?: string;
  configPath?: string;
  output?: string;
  toolchain?: ToolchainKind;
  workspace?: string;
  offline?: boolean;
  agents?: boolean;
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
  /** Serve a live page about the watched build. */
  page?: boolean;
  /** Open that page in the browser. */
  open?: boolean;
  /** Copy the firmware to the keyboard after the build. */
  flash?: boolean;
  /** An artifact name or a part of one: only these are built, and flashed. */
  flashTarget?: string;
  /** The only directory that counts as a UF2 drive. */
  drive?: string;
}

/** Runs a build, and resolves to the exit status. */
export async function runBuild(
  context: Context,
  configDirectory: string,
  flags: BuildFlags,
): Promise<number> {
  if (flags.agents && flags.offline) {
    throw new UsageError('--agents needs the network. Use it without --offline.');
  }
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
  if (flags.flash && (flags.watch || flags.dryRun)) {
    throw new UsageError(
      '--flash copies the firmware of one finished build. Use it without --watch and --dry-run.',
    );
  }
  if (flags.page && !flags.watch) {
    throw new UsageError('--page shows a build that watches. Use it with --watch.');
  }
  const { build, buildPlan } = await import('../../builder/build.ts');
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
    onGitHub &&
    new (await import('../report/github/reporter.ts')).GitHubReporter(context, onGitHub, recording);
  let isBuilt = false;
  let page: LivePage | undefined;
  const interruption = interceptSignals(context, () => {
    page?.stopping();
    if (!isBuilt) renderer.stopping();
  });
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
      agents: flags.agents,
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
        page?.event(event);
        renderer.event(event);
      },
    };
    if (flags.page) {
      const { LivePage } = await import('../page/live-page.ts');
      page = await LivePage.open(options);
      context.print(flags.json ? JSON.stringify({ type: 'page', url: page.url }) : `Page: ${page.url}`);
      if (flags.open) await openInBrowser(context, page.url);
    }
    if (flags.watch) {
      const { watchBuild } = await import('../../builder/watch/watch.ts');
      await watchBuild(options);
      return interruption.exitStatus ?? EXIT_OK;
    }
    const flashing = flags.flash ? await import('./flash-firmware.ts') : undefined;
    const planned = await flashing?.planFlash(options, flags);
    const summary = planned
      ? await buildPlan(planned.plan, { ...options, isPartial: planned.isPartial })
      : await build(options);
    isBuilt = true;
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
    if (flashing && planned && summary.failed === 0 && !interruption.signal.aborted) {
      // Its last lines come before those of flashing.
      renderer.close();
      await flashing.flashTargets(context, planned.parts, recording, flags, interruption.signal);
    }
    return interruption.exitStatus ?? (summary.failed + (summary.different ?? 0) > 0 ? EXIT_FAILED : EXIT_OK);
  } catch (error) {
    if (interruption.exitStatus !== undefined) {
      return interruption.exitStatus;
    }
    if (!flags.json) github?.tellError(error);
    throw error;
  } finally {
    renderer.close();
    await page?.close();
    await telemetry.close();
    interruption.release();
  }
}

/** Opens a page in the user's browser. A machine without one is told where the page is. */
async function openInBrowser(context: Context, url: string): Promise<void> {
  const { default: open } = await import('open');
  try {
    const child = await open(url);
    child.on('error', () => context.warn(`No browser could be started. Open ${url} yourself.`));
  } catch {
    context.warn(`No browser could be started. Open ${url} yourself.`);
  }
}
