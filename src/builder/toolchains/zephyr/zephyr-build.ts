// One build of one target: its specification, its steps, the files that it read, and its firmware.
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { cacheKey } from '../../../cache/cache-key.ts';
import { isInside } from '../../../system/paths.ts';
import { projectNames, type ZmkPlaces } from '../../workspace/index.ts';
import { copyArtifacts } from '../artifacts.ts';
import {
  compiledPlaces,
  devicetreeSources,
  hasSharedCodeOnly,
  type ObserveOptions,
  observeZephyrBuild,
  PathMap,
  type UsedTools,
} from '../observed/index.ts';
import { type FailedOutcome, withoutArtifacts, wrongBoard } from '../outcome.ts';
import type { BuildPath, CompileJob, CompileOutcome, ObservedInputs } from '../toolchain.ts';
import { examineBoard } from './board-compat.ts';
import { BuildSteps, type DirectoryUse } from './build-steps.ts';
import { CapabilityCache } from './capability-cache.ts';
import { CcacheEpoch } from './ccache-epoch.ts';
import { readCcacheStatistics } from './ccache-statistics.ts';
import { CompilerEpoch } from './compiler-epoch.ts';
import { CCACHE_STATISTICS } from './environment.ts';
import { collectFirmware } from './firmware.ts';
import { settingsWithoutEffect } from './kconfig-warnings.ts';
import { nameTools } from './named-tools.ts';
import { type BuildConditions, KeptBuild } from './precise/kept-build.ts';
import { excerptOf } from './preprocessed.ts';
import { type ConfigRepository, isolateConfig, linkedOutside } from './repository.ts';
import { BUILD, compilerDirectory, type StableBuildDirectory, TEMPORARY } from './stable-build-directory.ts';
import { compilersIn } from './used-tools.ts';
import { copyWestConfig } from './west-config-copy.ts';
import type { ZephyrProject } from './zephyr-project.ts';
import type { ZephyrBuildSpec, ZephyrRunner } from './zephyr-runner.ts';

type Described = NonNullable<CompileJob['described']>;

/** A job whose description is known. */
export type DescribedJob = CompileJob & { described: Described };

export interface ZephyrBuildOptions {
  runner: ZephyrRunner;
  project: ZephyrProject;
  /** Where it builds. */
  directory: StableBuildDirectory;
  /** What becomes of the directory. */
  use: DirectoryUse;
  fallbackBinary: string;
}

/** State of the running build. */
interface Sharing {
  conditions: BuildConditions;
  /** Begins when objects are compiled that other targets may use. */
  epoch: CompilerEpoch | undefined;
}

/** The inputs of a build. */
type Traced = ({ observed: ObservedInputs; own?: ObservedInputs } | { untraceable: string }) & {
  /** The compiler's parts, if all compilations are recorded. */
  tools?: readonly string[];
  /** What is known about the compiler, even after a failed build. */
  compiler?: UsedTools | undefined;
};

export class ZephyrBuild {
  readonly #options: ZephyrBuildOptions;
  readonly #job: DescribedJob;
  readonly #repository: ConfigRepository;

  constructor(options: ZephyrBuildOptions, job: DescribedJob) {
    this.#options = options;
    this.#job = job;
    this.#repository = options.project.repository();
  }

  /** @param onMade called when no program of the build runs any more */
  async run(onMade: () => void): Promise<CompileOutcome> {
    const { runner, project, directory, use, fallbackBinary } = this.#options;
    const { target, artifactDirectory, logFile, incremental } = this.#job;
    const epoch = await this.#beginEpoch();
    const planned: ZephyrBuildSpec = {
      ...this.#specOf(await project.places(), epoch),
      seenWork: await runner.seenWork(directory.work),
      linked: runner.kind === 'container' ? linkedOutside(this.#repository, await project.projects()) : [],
    };
    const startMark = path.join(directory.work, 'started');
    writeFileSync(startMark, '');
    const started = Date.now();
    const conditions = await this.#conditions();
    const sharing: Sharing = { conditions, epoch: undefined };
    let traced: Traced = { untraceable: 'it was not completed.' };
    let ran: Awaited<ReturnType<ZephyrRunner['run']>>;
    const capabilities = await CapabilityCache.begin(directory.capabilityCache, {
      // Without ccache, the build is one step, and its findings would come too late for others that wait.
      shared: planned.ccache === undefined ? undefined : directory.sharedCapabilities,
      signal: this.#job.signal,
    });
    const userCache = capabilities === undefined ? path.join(directory.work, 'facts') : planned.userCache;
    const spec = { ...planned, userCache };
    try {
      mkdirSync(userCache, { recursive: true });
      ran = await this.#runSteps(spec, { sharing, capabilities }, epoch !== undefined && !epoch.isNew);
      onMade();
      traced = await this.#trace(spec, ran.ok, { capabilities, epoch });
    } finally {
      await capabilities?.leave();
      sharing.epoch?.end(traced.compiler);
    }
    const { build } = spec;
    if (!ran.ok) return { ...ran, excerpt: await excerptOf(build, logFile) };
    const { artifactName } = target;
    const found = await collectFirmware({ build, artifactName, fallbackBinary, startMark });
    if (typeof found === 'string') return withoutArtifacts(found, ran.lastLines);
    const options = await this.#observeOptions(spec, undefined);
    const pathMap = new PathMap(options);
    const { configDirectory } = options;
    const { kept } = directory;
    const { tools } = traced;
    if (incremental && kept !== undefined && 'own' in traced && tools !== undefined) {
      const devicetree = devicetreeSources(options);
      const finished = { ...conditions, started, observed: traced.own!, tools, devicetree };
      use.keep = () => KeptBuild.keep(kept, build, finished, use.isAdopted ? use.former : undefined, spec);
    }
    const board = await examineBoard({
      ...{ build, board: target.board, pathMap },
      application: path.join(project.workspace, spec.application),
    });
    if (board !== undefined && 'wrong' in board) return wrongBoard(board.wrong, ran.lastLines);
    const warnings = [
      ...(board === undefined ? [] : [board.warning]),
      ...(await settingsWithoutEffect({ logFile, target, configDirectory, pathMap })),
    ];
    const inputs = 'observed' in traced ? { observed: traced.observed } : { untraceable: traced.untraceable };
    const artifacts = await copyArtifacts(found, artifactDirectory);
    const ccache = spec.ccache && readCcacheStatistics(path.join(spec.temporary, CCACHE_STATISTICS));
    return { ok: true, artifacts, warnings, ...inputs, ...(ccache && { ccache }) };
  }

  /** The specification without what the runner decides. */
  #specOf(
    { application, zephyr }: ZmkPlaces,
    epoch: CcacheEpoch | undefined,
  ): Omit<ZephyrBuildSpec, 'linked' | 'seenWork'> {
    const { runner, project, directory } = this.#options;
    const { workspace } = project;
    const repository = this.#repository;
    const { work, capabilityCache: userCache, ccache } = directory;
    const isUsed = ccache !== undefined && epoch !== undefined && !epoch.isBlind;
    const temporary = path.join(work, TEMPORARY);
    mkdirSync(temporary, { recursive: true });
    const settings = path.join(temporary, 'west-settings');
    copyWestConfig(workspace, zephyr, settings);
    return {
      ...{ workspace, zephyr, application, settings },
      ...{ repository: repository.directory, configPath: repository.configPath },
      config: isolateConfig(repository, work, runner.repository),
      module: repository.isModule ? repository.directory : undefined,
      ...{ work, build: path.join(work, BUILD), temporary, userCache },
      ccache: isUsed ? { directory: ccache.directory, compiler: epoch.id, epoch: epoch.id } : undefined,
    };
  }

  /** The conditions of the build besides the content of files. */
  async #conditions(): Promise<BuildConditions> {
    const { identity, surroundings } = this.#job.described;
    return {
      identity: JSON.stringify([identity, surroundings]),
      declared: await cacheKey('declared', await this.#options.project.declaredInputs()),
    };
  }

  /** @param isKnown whether ccache has the objects of an earlier build of this target */
  async #runSteps(
    spec: ZephyrBuildSpec,
    { sharing, capabilities }: { sharing: Sharing; capabilities: CapabilityCache | undefined },
    isKnown: boolean,
  ): Promise<{ ok: true; lastLines: string[] } | FailedOutcome> {
    const { runner, project, directory, use } = this.#options;
    const { onPath, onProcess, described, incremental } = this.#job;
    const own: CompileJob = {
      ...this.#job,
      onProcess: onBoth(directory.onProcess, onProcess),
      onPath: taken => onPath?.(relativeTo(project.configDirectory, taken)),
      // Waiting for the objects of another target would only take time.
      ...(isKnown ? { onConfigured: undefined } : {}),
    };
    const steps = new BuildSteps({
      ...{ runner, spec, job: own, use },
      onConfigured: async () =>
        capabilities?.share(async () => {
          const tools = await runner.tools(spec.build, false);
          return 'untraceable' in tools ? undefined : tools.files;
        }),
      isShared: async () => hasSharedCodeOnly(await this.#observeOptions(spec, undefined)),
      share: async () => {
        if (directory.ccache === undefined) return undefined;
        const compilers = compilersIn(spec.build);
        // An image never changes, so its compiler is known by it on every machine.
        if (runner.kind === 'container')
          return cacheKey('compiler', engineOf(runner.kind, described), compilers);
        const digest = await cacheKey('compiler', compilerScope(runner.kind, described), compilers);
        sharing.epoch = CompilerEpoch.begin(compilerDirectory(directory.ccache.directory, digest));
        return sharing.epoch?.id;
      },
    });
    if (!incremental || directory.kept === undefined) return steps.buildPristine();
    return steps.buildUpon(directory.kept, sharing.conditions, (former, places) =>
      this.#causes(former, places),
    );
  }

  /** What was edited, and where in it: `config/corne.keymap (base, key 0)`. */
  #causes({ changed }: KeptBuild, places: readonly string[]): string[] {
    const { configDirectory } = this.#options.project;
    const files = changed.map(file =>
      isInside(file, configDirectory) ? path.relative(configDirectory, file) : file,
    );
    if (places.length === 0) return files;
    return files.length === 0 ? [...places] : [`${files.join(', ')} (${places.join('; ')})`];
  }

  /** Finds out what the build read, however it ended, and what of that may be kept for the next one. */
  async #trace(
    spec: ZephyrBuildSpec,
    isComplete: boolean,
    { capabilities, epoch }: { capabilities: CapabilityCache | undefined; epoch: CcacheEpoch | undefined },
  ): Promise<Traced> {
    const { runner } = this.#options;
    const { signal } = this.#job;
    const interrupted = async () =>
      epoch?.interrupt(compiledPlaces(await this.#observeOptions(spec, undefined)));
    // A cancelled build is waited for, and of one that failed nothing is kept but what ccache learned.
    if (!isComplete && (epoch === undefined || (signal.aborted && !epoch.isNew))) {
      capabilities?.end(undefined);
      await interrupted();
      return { untraceable: 'it was not completed.' };
    }
    const tools = await runner.tools(spec.build, isComplete);
    capabilities?.end('untraceable' in tools ? undefined : tools.files);
    const options = await this.#observeOptions(spec, 'untraceable' in tools ? undefined : tools);
    const traced = 'untraceable' in tools ? tools : await observeZephyrBuild(options);
    const compiler = 'untraceable' in tools ? undefined : tools;
    if ('untraceable' in traced) {
      if (!isComplete) await interrupted();
      return { ...traced, compiler };
    }
    const observed = excludeOwnFiles([spec.work, spec.userCache], traced.observed);
    await epoch?.end({ ...traced, observed, tools: options.tools });
    const { tools: used } = options;
    if (used === undefined) return { observed, compiler };
    const named = nameTools(observed, used, await runner.surroundings(signal));
    // What is compiled without being seen may change without being noticed.
    return { observed: named, own: observed, compiler, ...(traced.hasHidden ? {} : { tools: used.files }) };
  }

  async #observeOptions(spec: ZephyrBuildSpec, tools: UsedTools | undefined): Promise<ObserveOptions> {
    const { runner, project } = this.#options;
    const { workspace, configDirectory, outputDirectory } = project;
    const { build, config } = spec;
    const { seen = [], ...mapping } = runner.pathMapping(spec);
    const { config: here } = this.#repository;
    return {
      ...{ buildDirectory: build, configDirectory, workspace, ...mapping },
      projects: await project.projects(),
      outputs: [outputDirectory],
      ...(tools === undefined ? {} : { tools }),
      seen: [...seen, ...(config === here ? [] : [{ seen: config, here }])],
    };
  }

  /** Begins a build in which ccache is used; undefined when it is not. */
  async #beginEpoch(): Promise<CcacheEpoch | undefined> {
    const { runner, project, directory } = this.#options;
    const { workspace, configDirectory } = project;
    const { described, target } = this.#job;
    if (directory.ccache === undefined || !(await runner.hasCcache(workspace))) return undefined;
    const projects = await project.projects();
    return CcacheEpoch.begin({
      ...{ file: directory.ccache.epoch, configDirectory },
      // Arguments for CMake may choose a compiler.
      context: JSON.stringify([compilerScope(runner.kind, described), target.cmakeArgs ?? '']),
      workspace: () => projectNames(projects, configDirectory),
      declared: async () => cacheKey('declared', await project.declaredInputs()),
    });
  }
}

/** The settings that choose the compiler, and its places: the scope of findings about it. */
export function compilerScope(kind: ZephyrRunner['kind'], described: Described): string {
  const { places, folders } = described.surroundings;
  return JSON.stringify([engineOf(kind, described), places, folders]);
}

/** The settings that choose the compiler, without places. */
function engineOf(kind: ZephyrRunner['kind'], { identity }: Described): string {
  const { command, configPath, isModule, fallbackBinary, zephyr, workspace, ...ofEngine } = identity;
  return JSON.stringify([kind, ofEngine]);
}

/** The path with files named relative to a directory. */
function relativeTo(directory: string, taken: BuildPath): BuildPath {
  if (taken.kind === 'incremental') return taken;
  return { ...taken, why: taken.why?.replaceAll(`${directory}${path.sep}`, '') };
}

/** A build's own output is not an input. */
function excludeOwnFiles(directories: readonly string[], observed: ObservedInputs): ObservedInputs {
  const isOutside = (file: string) => !directories.some(directory => isInside(file, directory));
  return {
    ...observed,
    files: observed.files.filter(isOutside),
    directories: observed.directories.filter(isOutside),
    absent: observed.absent.filter(isOutside),
  };
}

/** Calls both listeners. */
export function onBoth(
  one: NonNullable<CompileJob['onProcess']>,
  other: CompileJob['onProcess'],
): NonNullable<CompileJob['onProcess']> {
  return (event, processGroup) => {
    one(event, processGroup);
    other?.(event, processGroup);
  };
}
