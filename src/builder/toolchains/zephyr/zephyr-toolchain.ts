// Toolchain that uses ZMK's own build, with any runner.
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { cacheKey } from '../../../cache/cache-key.ts';
import { GloveboxError } from '../../../errors.ts';
import { isInside } from '../../../system/paths.ts';
import type { Target } from '../../matrix/target.ts';
import {
  describeWorkspace,
  projectNames,
  useWorkspace,
  type WorkspaceIdentity,
  workspaceIdentity,
  type ZmkPlaces,
  zmkPlaces,
} from '../../workspace/index.ts';
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
import { cancelled, type FailedOutcome, withoutArtifacts, wrongBoard } from '../outcome.ts';
import type { ToolchainResources } from '../resources.ts';
import {
  type BuildPath,
  type CompileJob,
  type CompileOutcome,
  type ObservedInputs,
  type RecordOptions,
  type Surroundings,
  type Toolchain,
  ToolchainError,
} from '../toolchain.ts';
import { examineBoard } from './board-compat.ts';
import { BuildSteps, type DirectoryUse } from './build-steps.ts';
import { CapabilityCache } from './capability-cache.ts';
import { CcacheEpoch } from './ccache-epoch.ts';
import { readCcacheStatistics } from './ccache-statistics.ts';
import { CompilerEpoch } from './compiler-epoch.ts';
import { CCACHE_STATISTICS } from './environment.ts';
import { collectFirmware, DEFAULT_FALLBACK_BINARY } from './firmware.ts';
import { settingsWithoutEffect } from './kconfig-warnings.ts';
import { nameTools } from './named-tools.ts';
import { type BuildConditions, KeptBuild } from './precise/kept-build.ts';
import { recordMacros } from './precise/record.ts';
import { excerptOf } from './preprocessed.ts';
import {
  type ConfigRepository,
  isolateConfig,
  linkedOutside,
  readRepository,
  repositoryInputs,
} from './repository.ts';
import {
  acquireStableDirectory,
  BUILD,
  compilerDirectory,
  privateBuildDirectory,
  type StableBuildDirectory,
  TEMPORARY,
  visitStableDirectory,
} from './stable-build-directory.ts';
import { compilersIn } from './used-tools.ts';
import { westBuildArguments } from './west-build.ts';
import { copyWestConfig } from './west-config-copy.ts';
import type { ZephyrBuildSpec, ZephyrRunner } from './zephyr-runner.ts';

/** Settings of every such toolchain. Plain data. */
export interface ZephyrDescription {
  /** The workspace's directory, the one with `.west`. Absolute. */
  workspace: string;
  /** The directory of `build.yaml`. Absolute. */
  configDirectory: string;
  /** The directory of the keymaps, relative to it. Default: `config`. */
  configPath?: string | undefined;
  /** The build matrix, relative to it, if its name is not `build.yaml`: compilers do not read it. */
  buildFile?: string | undefined;
  /** The binary that is used if there is no UF2. Default: `bin`. */
  fallbackBinary?: string | undefined;
  /** The directory of the firmware, whose files are not inputs. Default: `firmware` in the config directory. Absolute. */
  outputDirectory?: string;
  /** The directory of the caches, which speeds up the next build. Default: nothing is kept. Absolute. */
  cacheRoot?: string | undefined;
}

/** Long enough for all targets of a build, which are described one after the other. */
const IDENTITY_MAX_AGE_MS = 1_000;

/** State of the running build. */
interface Sharing {
  repository: ConfigRepository;
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

export class ZephyrToolchain implements Toolchain {
  readonly #runner: ZephyrRunner;
  readonly #description: ZephyrDescription;
  readonly #resources: ToolchainResources;
  readonly #outputDirectory: string;
  #workspace: { at: number; identity: WorkspaceIdentity } | undefined;

  constructor(runner: ZephyrRunner, description: ZephyrDescription, resources: ToolchainResources = {}) {
    this.#runner = runner;
    this.#resources = resources;
    this.#description = description;
    this.#outputDirectory = path.resolve(
      description.configDirectory,
      description.outputDirectory ?? 'firmware',
    );
  }

  get kind(): 'west' | 'container' {
    return this.#runner.kind;
  }

  async identity(target: Target, signal?: AbortSignal): Promise<Record<string, unknown>> {
    const { fallbackBinary = DEFAULT_FALLBACK_BINARY } = this.#description;
    const { configPath, isModule } = this.#repository();
    const { application, zephyr } = await this.#places();
    // Names stand for the places, which do not change the firmware.
    const repository = '{repository}';
    const places = { build: '{build}', config: '{config}', userCache: '{user-cache}', repository };
    const module = isModule ? repository : undefined;
    const command = westBuildArguments(target, { ...places, configPath, application, module });
    const [engine, workspace] = await Promise.all([
      this.#runner.identity(signal),
      this.#currentWorkspace(IDENTITY_MAX_AGE_MS, signal),
    ]);
    return { command, configPath, isModule, fallbackBinary, zephyr, ...engine, workspace };
  }

  async capability(signal?: AbortSignal): Promise<Record<string, unknown>> {
    return this.#runner.capability(signal);
  }

  async workspaceState(signal?: AbortSignal): Promise<WorkspaceIdentity> {
    return this.#currentWorkspace(IDENTITY_MAX_AGE_MS, signal);
  }

  async surroundings(signal?: AbortSignal): Promise<Surroundings> {
    const { places, folders, bound } = await this.#runner.surroundings(signal);
    const { workspace } = this.#description;
    return { places: [...places, { name: 'workspace', directory: workspace }], folders, bound };
  }

  /** The settings that choose the compiler, and its places: the scope of findings about it. */
  async #compiler(job: CompileJob): Promise<string> {
    const { places, folders } = job.described?.surroundings ?? (await this.surroundings(job.signal));
    return JSON.stringify([await this.#engine(job), places, folders]);
  }

  /** The settings that choose the compiler, without places. */
  async #engine({ target, described, signal }: CompileJob): Promise<string> {
    const identity = described?.identity ?? (await this.identity(target, signal));
    const { command, configPath, isModule, fallbackBinary, zephyr, workspace, ...ofEngine } = identity;
    return JSON.stringify([this.kind, ofEngine]);
  }

  async declaredInputs(): Promise<string[]> {
    return repositoryInputs(this.#repository(), this.#outputDirectory, await this.#projects());
  }

  async notes(signal?: AbortSignal): Promise<string[]> {
    const { workspace } = this.#description;
    const found = describeWorkspace(await this.#currentWorkspace(IDENTITY_MAX_AGE_MS, signal));
    return found.map(note => `In the workspace ${workspace}, ${note}`);
  }

  async compile(job: CompileJob): Promise<CompileOutcome> {
    const { signal } = job;
    if (signal.aborted) return cancelled([]);
    try {
      return await useWorkspace(this.#description.workspace, () => this.#compileAndVerifyWorkspace(job));
    } catch (error) {
      if (signal.aborted) return cancelled([]);
      if (!(error instanceof GloveboxError)) throw error;
      return { ok: false, reason: 'cannot-start', message: error.message, lastLines: [] };
    }
  }

  /** Compiles, and checks that the workspace has not changed since the target was described. */
  async #compileAndVerifyWorkspace(job: CompileJob): Promise<CompileOutcome> {
    const { signal, target, buildDirectory } = job;
    const { cacheRoot } = this.#description;
    const described = job.described?.identity.workspace as WorkspaceIdentity | undefined;
    if (described !== undefined) this.#workspace = { at: Number.NEGATIVE_INFINITY, identity: described };
    const before = described ?? this.#workspace?.identity ?? (await this.#currentWorkspace(0, signal));
    const compiler = await this.#compiler(job);
    const stableDirectory =
      (cacheRoot === undefined
        ? undefined
        : await acquireStableDirectory(cacheRoot, this.#directoryName(target), compiler)) ??
      privateBuildDirectory(path.join(buildDirectory, 'station'));
    const use: DirectoryUse = { former: undefined, keep: undefined };
    let isKept = false;
    try {
      const outcome = await this.#compileIn(stableDirectory, job, use);
      if (!outcome.ok) return outcome;
      const after = await this.#currentWorkspace(0, signal);
      if (JSON.stringify(after) !== JSON.stringify(before))
        return { ...outcome, changedDuringBuild: ['the workspace'] };
      // If the directory cannot be kept, the next build only takes longer.
      isKept = (await use.keep?.().catch(() => false)) ?? false;
      return outcome;
    } finally {
      if (!isKept) use.former?.restore();
      const { kept } = stableDirectory;
      const isFormer = kept !== undefined && existsSync(kept.state);
      await stableDirectory.close(isKept ? 'built' : isFormer ? 'former' : undefined);
    }
  }

  /** The name of a target's directory. */
  #directoryName({ artifactName }: Target): string[] {
    return [this.#description.configDirectory, artifactName];
  }

  async recordMacros(target: Target, { signal, jobs, onProcess }: RecordOptions): Promise<boolean> {
    const { cacheRoot } = this.#description;
    const station =
      cacheRoot === undefined
        ? undefined
        : await visitStableDirectory(cacheRoot, this.#directoryName(target));
    if (station === undefined) return true;
    const temporary = path.join(station.work, TEMPORARY);
    try {
      mkdirSync(temporary, { recursive: true });
      return await recordMacros(station.kept, path.join(station.work, BUILD), async (script, order) => {
        const job = {
          ...{ target, buildDirectory: station.work, artifactDirectory: temporary, jobs, signal },
          onOutput: () => {},
          logFile: path.join(temporary, 'macros.log'),
          onProcess: onBoth(station.onProcess, onProcess),
        };
        const { ok } = await this.#runner.run({ ...(order as ZephyrBuildSpec), ccache: undefined }, job, {
          script,
        });
        return ok;
      });
    } finally {
      rmSync(temporary, { recursive: true, force: true });
      station.leave();
    }
  }

  async #compileIn(
    stableDirectory: StableBuildDirectory,
    job: CompileJob,
    use: DirectoryUse,
  ): Promise<CompileOutcome> {
    const { workspace, fallbackBinary } = this.#description;
    const { target, artifactDirectory } = job;
    const repository = this.#repository();
    const capabilities = CapabilityCache.begin(stableDirectory.capabilityCache);
    const epoch = await this.#beginEpoch(stableDirectory, job);
    const spec: ZephyrBuildSpec = {
      ...buildSpecIn(
        stableDirectory,
        workspace,
        await this.#places(),
        repository,
        epoch,
        this.#runner.repository,
      ),
      seenWork: await this.#runner.seenWork(stableDirectory.work),
      ...(capabilities === undefined ? { userCache: path.join(stableDirectory.work, 'facts') } : {}),
      linked: this.kind === 'container' ? linkedOutside(repository, await this.#projects()) : [],
    };
    mkdirSync(spec.userCache, { recursive: true });
    const startMark = path.join(stableDirectory.work, 'started');
    writeFileSync(startMark, '');
    const started = Date.now();
    const conditions = await this.#conditions(job);
    const own = { ...job, onProcess: onBoth(stableDirectory.onProcess, job.onProcess) };
    const sharing: Sharing = { repository, conditions, epoch: undefined };
    let traced: Traced = { untraceable: 'it was not completed.' };
    let ran: Awaited<ReturnType<ZephyrRunner['run']>>;
    try {
      ran = await this.#run(stableDirectory, spec, own, { use, sharing });
      traced = await this.#trace(spec, repository, job, ran.ok, { capabilities, epoch });
    } finally {
      sharing.epoch?.end(traced.compiler);
    }
    const { build } = spec;
    if (!ran.ok) return { ...ran, excerpt: await excerptOf(build, job.logFile) };
    const { artifactName } = target;
    const found = await collectFirmware({ build, artifactName, fallbackBinary, startMark });
    if (typeof found === 'string') return withoutArtifacts(found, ran.lastLines);
    const options = await this.#observeOptions(spec, repository, undefined);
    const pathMap = new PathMap(options);
    const { configDirectory } = options;
    const { tools } = traced;
    if (job.incremental && stableDirectory.kept !== undefined && 'own' in traced && tools !== undefined) {
      const { kept } = stableDirectory;
      const devicetree = devicetreeSources(options);
      const finished = { ...conditions, started, observed: traced.own!, tools, devicetree };
      use.keep = () => KeptBuild.keep(kept, build, finished, use.isAdopted ? use.former : undefined, spec);
    }
    const board = await examineBoard({
      ...{ build, board: target.board, pathMap },
      application: path.join(workspace, spec.application),
    });
    if (board !== undefined && 'wrong' in board) return wrongBoard(board.wrong, ran.lastLines);
    const warnings = [
      ...(board === undefined ? [] : [board.warning]),
      ...(await settingsWithoutEffect({ logFile: job.logFile, target, configDirectory, pathMap })),
    ];
    const inputs = 'observed' in traced ? { observed: traced.observed } : { untraceable: traced.untraceable };
    const artifacts = await copyArtifacts(found, artifactDirectory);
    const ccache = spec.ccache && readCcacheStatistics(path.join(spec.temporary, CCACHE_STATISTICS));
    return { ok: true, artifacts, warnings, ...inputs, ...(ccache && { ccache }) };
  }

  /** The conditions of a build besides the content of files. */
  async #conditions({ target, described, signal }: CompileJob): Promise<BuildConditions> {
    const identity = described?.identity ?? (await this.identity(target, signal));
    const surroundings = described?.surroundings ?? (await this.surroundings(signal));
    return {
      identity: JSON.stringify([identity, surroundings]),
      declared: await cacheKey('declared', await this.declaredInputs()),
    };
  }

  /** Runs the build's steps. */
  async #run(
    station: StableBuildDirectory,
    spec: ZephyrBuildSpec,
    job: CompileJob,
    { use, sharing }: { use: DirectoryUse; sharing: Sharing },
  ): Promise<{ ok: true; lastLines: string[] } | FailedOutcome> {
    const { directory } = station.ccache ?? {};
    const { configDirectory } = this.#description;
    const onPath = (taken: BuildPath) =>
      job.onPath?.(
        taken.kind === 'incremental'
          ? taken
          : { ...taken, why: taken.why?.replaceAll(`${configDirectory}${path.sep}`, '') },
      );
    const steps = new BuildSteps({
      ...{ runner: this.#runner, spec, job: { ...job, onPath }, use },
      isShared: async () =>
        hasSharedCodeOnly(await this.#observeOptions(spec, sharing.repository, undefined)),
      share: async () => {
        if (directory === undefined) return undefined;
        const compilers = compilersIn(spec.build);
        // An image never changes, so its compiler is known by it on every machine.
        if (this.kind === 'container') return cacheKey('compiler', await this.#engine(job), compilers);
        const digest = await cacheKey('compiler', await this.#compiler(job), compilers);
        sharing.epoch = CompilerEpoch.begin(compilerDirectory(directory, digest));
        return sharing.epoch?.id;
      },
    });
    if (!job.incremental || station.kept === undefined) return steps.buildPristine();
    return steps.buildUpon(station.kept, sharing.conditions, (former, places) =>
      this.#causes(former, places),
    );
  }

  /** What was edited, and where in it: `config/corne.keymap (base, key 0)`. */
  #causes({ changed }: KeptBuild, places: readonly string[]): string[] {
    const { configDirectory } = this.#description;
    const files = changed.map(file =>
      isInside(file, configDirectory) ? path.relative(configDirectory, file) : file,
    );
    if (places.length === 0) return files;
    return files.length === 0 ? [...places] : [`${files.join(', ')} (${places.join('; ')})`];
  }

  /** Finds out what a build read, however it ended, and what of that may be kept for the next one. */
  async #trace(
    spec: ZephyrBuildSpec,
    repository: ConfigRepository,
    { signal }: CompileJob,
    isComplete: boolean,
    { capabilities, epoch }: { capabilities: CapabilityCache | undefined; epoch: CcacheEpoch | undefined },
  ): Promise<Traced> {
    const interrupted = async () =>
      epoch?.interrupt(compiledPlaces(await this.#observeOptions(spec, repository, undefined)));
    // A cancelled build is waited for, and of one that failed nothing is kept but what ccache learned.
    if (!isComplete && (epoch === undefined || (signal.aborted && !epoch.isNew))) {
      capabilities?.end(undefined);
      await interrupted();
      return { untraceable: 'it was not completed.' };
    }
    const tools = await this.#runner.tools(spec.build, isComplete);
    capabilities?.end('untraceable' in tools ? undefined : tools.files);
    const options = await this.#observeOptions(spec, repository, 'untraceable' in tools ? undefined : tools);
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
    const named = nameTools(observed, used, await this.#runner.surroundings(signal));
    // What is compiled without being seen may change without being noticed.
    return { observed: named, own: observed, compiler, ...(traced.hasHidden ? {} : { tools: used.files }) };
  }

  async #observeOptions(
    spec: ZephyrBuildSpec,
    repository: ConfigRepository,
    tools: UsedTools | undefined,
  ): Promise<ObserveOptions> {
    const { workspace, configDirectory } = this.#description;
    const { build, config } = spec;
    const { seen = [], ...mapping } = this.#runner.pathMapping(spec);
    return {
      ...{ buildDirectory: build, configDirectory, workspace, ...mapping },
      projects: await this.#projects(),
      outputs: [this.#outputDirectory],
      ...(tools === undefined ? {} : { tools }),
      seen: [...seen, ...(config === repository.config ? [] : [{ seen: config, here: repository.config }])],
    };
  }

  /** Begins a build in which ccache is used; undefined when it is not. */
  async #beginEpoch(
    stableDirectory: StableBuildDirectory,
    job: CompileJob,
  ): Promise<CcacheEpoch | undefined> {
    const { workspace, configDirectory } = this.#description;
    if (stableDirectory.ccache === undefined || !(await this.#runner.hasCcache(workspace))) return undefined;
    const projects = await this.#projects();
    return CcacheEpoch.begin({
      ...{ file: stableDirectory.ccache.epoch, configDirectory },
      // Arguments for CMake may choose a compiler.
      context: JSON.stringify([await this.#compiler(job), job.target.cmakeArgs ?? '']),
      workspace: () => projectNames(projects, configDirectory),
      declared: async () => cacheKey('declared', await this.declaredInputs()),
    });
  }

  /** The directories of the workspace's projects, which are known by their revisions. */
  async #projects(): Promise<string[]> {
    const { projects } = this.#workspace?.identity ?? (await this.#currentWorkspace(IDENTITY_MAX_AGE_MS));
    return Object.keys(projects).map(project => path.resolve(this.#description.workspace, project));
  }

  async #places(): Promise<ZmkPlaces> {
    const { workspace } = this.#description;
    const places = await zmkPlaces(workspace);
    if (places !== undefined) return places;
    throw new ToolchainError(`There is no ZMK in the workspace ${workspace}. Run 'west update' there.`);
  }

  #repository(): ConfigRepository {
    const { configDirectory, configPath, buildFile } = this.#description;
    return readRepository(configDirectory, configPath, buildFile);
  }

  /** What the workspace is, at most `age` milliseconds ago. */
  async #currentWorkspace(age: number, signal?: AbortSignal): Promise<WorkspaceIdentity> {
    const known = this.#workspace;
    if (known !== undefined && performance.now() - known.at < age) return known.identity;
    const { workspace, configDirectory } = this.#description;
    const { cache } = this.#resources;
    const options = { configDirectory, cache, ...(signal ? { signal } : {}) };
    const identity = await workspaceIdentity(workspace, options);
    this.#workspace = { at: performance.now(), identity };
    return identity;
  }
}

/** The specification of one build in a stable directory. */
function buildSpecIn(
  stableDirectory: StableBuildDirectory,
  workspace: string,
  { application, zephyr }: ZmkPlaces,
  repository: ConfigRepository,
  epoch: CcacheEpoch | undefined,
  seen: string | undefined,
): Omit<ZephyrBuildSpec, 'linked' | 'seenWork'> {
  const { work, capabilityCache: userCache, ccache } = stableDirectory;
  const isUsed = ccache !== undefined && epoch !== undefined && !epoch.isBlind;
  const temporary = path.join(work, 'tmp');
  mkdirSync(temporary, { recursive: true });
  const settings = path.join(temporary, 'west-settings');
  copyWestConfig(workspace, zephyr, settings);
  return {
    ...{ workspace, zephyr, application, settings },
    ...{ repository: repository.directory, configPath: repository.configPath },
    config: isolateConfig(repository, work, seen),
    module: repository.isModule ? repository.directory : undefined,
    ...{ work, build: path.join(work, 'build'), temporary, userCache },
    ccache: isUsed ? { directory: ccache.directory, compiler: epoch.id, epoch: epoch.id } : undefined,
  };
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

function onBoth(
  one: NonNullable<CompileJob['onProcess']>,
  other: CompileJob['onProcess'],
): NonNullable<CompileJob['onProcess']> {
  return (event, processGroup) => {
    one(event, processGroup);
    other?.(event, processGroup);
  };
}
