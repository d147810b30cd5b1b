// Build plan: the targets, options, toolchain, output directory and caches, all settled before the build begins.
import { readdirSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import path from 'node:path';
import type { RemoteOptions } from '../cache/remote/options.ts';
import { queueFor } from '../config/agents-config.ts';
import { defaultCacheRoot } from '../config/environment.ts';
import { loadUserConfig } from '../config/load-user-config.ts';
import { DEFAULT_SHARE, remoteOptionsFor } from '../config/remote-config.ts';
import type { IncrementalMode, ToolchainKind } from '../config/toolchain-options.ts';
import { cacheOptionsFor, type UserConfig } from '../config/user-config.ts';
import { InvalidArgumentError } from '../errors.ts';
import type { ServiceOptions } from './incremental/index.ts';
import { COMPILATION_TAG } from './incremental/tag.ts';
import { DEFAULT_BUILD_FILE, readMatrix } from './matrix/matrix.ts';
import type { Target } from './matrix/target.ts';
import type { BuildOptions } from './options.ts';
import { OutputError } from './output/output.ts';
import { chooseToolchain } from './toolchains/choice.ts';
import { isTurnedOff } from './toolchains/incremental-switch.ts';
import type { ToolchainDescription } from './toolchains/index.ts';

/** Everything that determines a build. Plain data. */
export interface Plan {
  /** Absolute. */
  configDirectory: string;
  /** Absolute path of the build matrix file. */
  buildFile: string;
  /** Absolute. */
  outputDirectory: string;
  targets: Target[];
  /** Targets compiled at once. */
  jobs: number;
  /** Processes that all compilers together should run at once. */
  cores: number;
  toolchain: ToolchainDescription;
  userConfig: UserConfig;
  /** For all caches of the build; take precedence over the configuration. */
  cacheOptions: ServiceOptions;
  /** Root of the logs; undefined if none are kept. */
  logRoot: string | undefined;
  /** When objects of a target's last build are reused. */
  incremental: IncrementalMode;
  /** The remote cache of this build; undefined if there is none. */
  remote: RemoteOptions | undefined;
  /** The queue of the agents that may compile targets, too; undefined if there are none. */
  agents: string | undefined;
  /** Notes for the user before the build, one sentence each. */
  warnings: string[];
}

const SOURCE = /\.(?:keymap|conf|overlay|dtsi|ya?ml|shield|defconfig|cmake|h|c)$|^(?:Kconfig|CMakeLists)/;

/**
 * Reads `build.yaml` and the configuration. Rejects with a `GloveboxError` that names the file and the remedy if they
 * cannot be used.
 */
export async function planBuild(options: BuildOptions): Promise<Plan> {
  const configDirectory = path.resolve(options.configDirectory);
  const userConfig = withPaths(
    options.userConfig ?? (await loadUserConfig({ directory: configDirectory })),
    options,
  );
  const { buildFile = DEFAULT_BUILD_FILE } = userConfig.build;
  const warnings: string[] = [];
  const targets = await readMatrix(configDirectory, {
    buildFile,
    onWarning: message => warnings.push(message),
  });
  const outputDirectory = options.outputDirectory
    ? path.resolve(options.outputDirectory)
    : path.resolve(configDirectory, userConfig.build.output ?? 'firmware');
  refuseSources(outputDirectory);
  const cores = availableParallelism();
  const cached = options.cache ?? true;
  const cacheRoot = path.resolve(
    options.cacheRoot ?? cacheOptionsFor(userConfig, COMPILATION_TAG).cacheRoot ?? defaultCacheRoot(),
  );
  const toolchain = await chooseToolchain({
    toolchain: options.toolchain,
    workspace: options.workspace === undefined ? undefined : path.resolve(options.workspace),
    ...{ userConfig, configDirectory, outputDirectory, cacheRoot, cache: cached },
    memory: cached
      ? async () => {
          const { createCompilationCacheService } = await import('./compilation-cache.ts');
          return createCompilationCacheService(userConfig, { cacheRoot }).cache;
        }
      : undefined,
    signal: options.signal,
    onPull:
      options.dryRun || options.offline
        ? undefined
        : message => options.onEvent({ type: 'warning', at: Date.now(), message }),
  });
  const isShared = cached && !options.offline && isEnabled(userConfig);
  const remote = isShared ? remoteFor(userConfig, toolchain.kind, warnings) : undefined;
  return {
    configDirectory,
    remote,
    agents: options.dryRun ? undefined : agentsFor(options, userConfig, remote, warnings),
    buildFile: path.resolve(configDirectory, buildFile),
    outputDirectory,
    targets,
    warnings,
    jobs: jobCount(options.jobs ?? userConfig.build.jobs ?? cores),
    cores,
    toolchain,
    userConfig,
    cacheOptions: { cacheRoot, ...(cached ? {} : { enabled: false }) },
    logRoot: cached ? cacheRoot : undefined,
    incremental: cached && !isTurnedOff(cacheRoot) ? (userConfig.build.incremental ?? 'watch') : 'off',
  };
}

/**
 * The remote cache for a kind of toolchain. Only portable results are shared, unless the configuration says otherwise.
 */
function remoteFor(
  userConfig: UserConfig,
  kind: ToolchainKind,
  warnings: string[],
): RemoteOptions | undefined {
  const options = remoteOptionsFor(userConfig);
  if (options === undefined || !(userConfig.remote?.share ?? DEFAULT_SHARE).includes(kind)) return undefined;
  if (options.mode !== 'read-write' || options.signingKey !== undefined) return options;
  // A pull request from a fork gets no secrets, and must still build.
  warnings.push(
    'There is no key to sign with, so the remote cache is only read. Run glovebox remote keygen, or set GLOVEBOX_SIGNING_KEY.',
  );
  return { ...options, mode: 'read' };
}

/** The queue of the agents that may compile targets of this build. */
function agentsFor(
  { agents, offline }: BuildOptions,
  userConfig: UserConfig,
  remote: RemoteOptions | undefined,
  warnings: string[],
): string | undefined {
  if (agents === false || offline) return undefined;
  const queue = queueFor(userConfig);
  const here = (why: string) => {
    warnings.push(`${why}, so everything is compiled here.`);
    return undefined;
  };
  if (queue === undefined) {
    return agents
      ? here('No queue of agents is configured (GLOVEBOX_QUEUE, or agents.queue in the config file)')
      : undefined;
  }
  if (remote === undefined) return here('Agents need a remote cache that is used for this toolchain');
  if (remote.mode !== 'read-write') {
    return here(
      'Agents get their inputs through the remote cache, which is only read (remote.mode: read-write)',
    );
  }
  return queue;
}

/** Whether results from elsewhere could be stored here. */
function isEnabled(userConfig: UserConfig): boolean {
  return cacheOptionsFor(userConfig, COMPILATION_TAG).enabled ?? true;
}

/** The configuration, with the paths that the caller overrides. */
function withPaths(userConfig: UserConfig, { buildFile, configPath }: BuildOptions): UserConfig {
  if (buildFile === undefined && configPath === undefined) return userConfig;
  const paths = {
    ...(buildFile === undefined ? {} : { buildFile }),
    ...(configPath === undefined ? {} : { configPath }),
  };
  return { ...userConfig, build: { ...userConfig.build, ...paths } };
}

/**
 * Refuses an output directory that holds sources. Files there do not count as inputs, so edits would go unnoticed.
 * Throws {@link OutputError}.
 */
function refuseSources(outputDirectory: string): void {
  let names: string[];
  try {
    names = readdirSync(outputDirectory);
  } catch {
    // It does not exist yet, or cannot be read; opening it reports the latter.
    return;
  }
  const source = names.find(name => SOURCE.test(name));
  if (source === undefined) return;
  throw new OutputError(
    `The output directory ${outputDirectory} holds sources (${source}). Choose one that holds nothing but firmware.`,
  );
}

function jobCount(jobs: number): number {
  if (Number.isSafeInteger(jobs) && jobs > 0) return jobs;
  throw new InvalidArgumentError(`jobs must be a positive whole number; got ${jobs}.`);
}
