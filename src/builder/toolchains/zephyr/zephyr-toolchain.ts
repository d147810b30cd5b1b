// A toolchain that builds with ZMK's own build, whatever runs it.
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { cacheKey } from '../../../cache/keys.ts';
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
  type ObserveOptions,
  observeZephyrBuild,
  PathMap,
  type UsedTools,
} from '../observed/index.ts';
import { cancelled, withoutArtifacts, wrongBoard } from '../outcome.ts';
import type { CompileJob, CompileOutcome, ObservedInputs, Surroundings, Toolchain } from '../toolchain.ts';
import { ToolchainError } from '../toolchain-error.ts';
import { examineBoard } from './board-compat.ts';
import { CapabilityCache } from './capability-cache.ts';
import { CcacheEpoch } from './ccache-epoch.ts';
import { collectFirmware, DEFAULT_FALLBACK_BINARY } from './firmware.ts';
import { settingsWithoutEffect } from './kconfig-warnings.ts';
import { nameTools } from './named-tools.ts';
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
  privateBuildDirectory,
  type StableBuildDirectory,
} from './stable-build-directory.ts';
import { westBuildArguments } from './west-build.ts';
import { copyWestConfig } from './west-config-copy.ts';
import type { ZephyrBuildSpec, ZephyrRunner } from './zephyr-runner.ts';

/** What every such toolchain is made of. Plain data. */
export interface ZephyrDescription {
  /** The workspace's directory, the one with `.west`. Absolute. */
  workspace: string;
  /** The directory of `build.yaml`. Absolute. */
  configDirectory: string;
  /** Where the keymaps are, relative to it. Default: `config`. */
  configPath?: string | undefined;
  /** What says what is built, relative to it, when it is not `build.yaml`: no build reads it. */
  buildFile?: string | undefined;
  /** The binary that is taken when there is no UF2. Default: `bin`. */
  fallbackBinary?: string | undefined;
  /** Where firmware goes; files in it are no inputs. Default: `firmware` in the config directory. Absolute. */
  outputDirectory?: string;
  /** The directory of the caches, for what makes the next build faster. Default: nothing is kept. Absolute. */
  cacheRoot?: string | undefined;
}

/** Milliseconds: the targets of a build ask one after the other, and about the same moment. */
const IDENTITY_MAX_AGE_MS = 1_000;

export class ZephyrToolchain implements Toolchain {
  readonly #runner: ZephyrRunner;
  readonly #description: ZephyrDescription;
  readonly #outputDirectory: string;
  #workspace: { at: number; identity: WorkspaceIdentity } | undefined;

  constructor(runner: ZephyrRunner, description: ZephyrDescription) {
    this.#runner = runner;
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
    // With names for the places, which make no difference.
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

  async surroundings(signal?: AbortSignal): Promise<Surroundings> {
    const { places, folders, bound } = await this.#runner.surroundings(signal);
    const { workspace } = this.#description;
    return { places: [...places, { name: 'workspace', directory: workspace }], folders, bound };
  }

  /** What chooses the compiler, and where it is: things that are found out about it are true there. */
  async #compiler({ target, described, signal }: CompileJob): Promise<string> {
    const identity = described?.identity ?? (await this.identity(target, signal));
    const { places, folders } = described?.surroundings ?? (await this.surroundings(signal));
    const { command, configPath, isModule, fallbackBinary, zephyr, workspace, ...ofEngine } = identity;
    return JSON.stringify([this.kind, ofEngine, places, folders]);
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

  /** Compiles, and looks whether the workspace still is what it was when the target was described. */
  async #compileAndVerifyWorkspace(job: CompileJob): Promise<CompileOutcome> {
    const { signal, target, buildDirectory } = job;
    const { cacheRoot, configDirectory } = this.#description;
    const described = job.described?.identity.workspace as WorkspaceIdentity | undefined;
    if (described !== undefined) this.#workspace = { at: Number.NEGATIVE_INFINITY, identity: described };
    const before = described ?? this.#workspace?.identity ?? (await this.#currentWorkspace(0, signal));
    const compiler = await this.#compiler(job);
    const name = [configDirectory, target.artifactName];
    const stableDirectory =
      (cacheRoot === undefined ? undefined : await acquireStableDirectory(cacheRoot, name, compiler)) ??
      privateBuildDirectory(path.join(buildDirectory, 'station'));
    try {
      const outcome = await this.#compileIn(stableDirectory, job);
      if (!outcome.ok) return outcome;
      const after = await this.#currentWorkspace(0, signal);
      if (JSON.stringify(after) === JSON.stringify(before)) return outcome;
      return { ...outcome, changedDuringBuild: ['the workspace'] };
    } finally {
      await stableDirectory.close();
    }
  }

  async #compileIn(stableDirectory: StableBuildDirectory, job: CompileJob): Promise<CompileOutcome> {
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
      ...(capabilities === undefined ? { userCache: path.join(stableDirectory.work, 'facts') } : {}),
      linked: this.kind === 'container' ? linkedOutside(repository, await this.#projects()) : [],
    };
    mkdirSync(spec.userCache, { recursive: true });
    const startMark = path.join(stableDirectory.work, 'started');
    writeFileSync(startMark, '');
    const ran = await this.#runner.run(spec, {
      ...job,
      onProcess: (event, processGroup) => {
        stableDirectory.onProcess(event, processGroup);
        job.onProcess?.(event, processGroup);
      },
    });
    const traced = await this.#trace(spec, repository, job, ran.ok, { capabilities, epoch });
    const { build } = spec;
    if (!ran.ok) return { ...ran, excerpt: await excerptOf(build, job.logFile) };
    const { artifactName } = target;
    const found = await collectFirmware({ build, artifactName, fallbackBinary, startMark });
    if (typeof found === 'string') return withoutArtifacts(found, ran.lastLines);
    const options = await this.#observeOptions(spec, repository, undefined);
    const pathMap = new PathMap(options);
    const { configDirectory } = options;
    const board = await examineBoard({
      ...{ build, board: target.board, pathMap },
      application: path.join(workspace, spec.application),
    });
    if (board !== undefined && 'wrong' in board) return wrongBoard(board.wrong, ran.lastLines);
    const warnings = [
      ...(board === undefined ? [] : [board.warning]),
      ...(await settingsWithoutEffect({ logFile: job.logFile, target, configDirectory, pathMap })),
    ];
    const artifacts = await copyArtifacts(found, artifactDirectory);
    return { ok: true, artifacts, warnings, ...traced };
  }

  /** Finds out what a build read, however it ended, and what of that may be kept for the next one. */
  async #trace(
    spec: ZephyrBuildSpec,
    repository: ConfigRepository,
    { signal }: CompileJob,
    isComplete: boolean,
    { capabilities, epoch }: { capabilities: CapabilityCache | undefined; epoch: CcacheEpoch | undefined },
  ): Promise<{ observed: ObservedInputs } | { untraceable: string }> {
    const interrupted = async () =>
      epoch?.interrupt(compiledPlaces(await this.#observeOptions(spec, repository, undefined)));
    // A cancelled build is waited for, and of one that failed nothing is kept but what ccache learned.
    if (!isComplete && (epoch === undefined || (signal.aborted && !epoch.isNew))) {
      capabilities?.end(undefined);
      await interrupted();
      return { untraceable: 'it did not come to its end.' };
    }
    const tools = await this.#runner.tools(spec.build, isComplete);
    capabilities?.end('untraceable' in tools ? undefined : tools.files);
    const options = await this.#observeOptions(spec, repository, 'untraceable' in tools ? undefined : tools);
    const traced = 'untraceable' in tools ? tools : await observeZephyrBuild(options);
    if ('untraceable' in traced) {
      if (!isComplete) await interrupted();
      return traced;
    }
    const observed = excludeOwnFiles([spec.work, spec.userCache], traced.observed);
    await epoch?.end({ ...traced, observed, tools: options.tools });
    const { tools: used } = options;
    if (used === undefined) return { observed };
    return { observed: nameTools(observed, used, await this.#runner.surroundings(signal)) };
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
    const identity = await workspaceIdentity(workspace, { configDirectory, ...(signal ? { signal } : {}) });
    this.#workspace = { at: performance.now(), identity };
    return identity;
  }
}

/** Prepares a stable directory for one build. */
function buildSpecIn(
  stableDirectory: StableBuildDirectory,
  workspace: string,
  { application, zephyr }: ZmkPlaces,
  repository: ConfigRepository,
  epoch: CcacheEpoch | undefined,
  seen: string | undefined,
): Omit<ZephyrBuildSpec, 'linked'> {
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
    ccache: isUsed ? { directory: ccache.directory, epoch: epoch.id } : undefined,
  };
}

/** What a build made for itself is no input. */
function excludeOwnFiles(directories: readonly string[], observed: ObservedInputs): ObservedInputs {
  const isOutside = (file: string) => !directories.some(directory => isInside(file, directory));
  return {
    ...observed,
    files: observed.files.filter(isOutside),
    directories: observed.directories.filter(isOutside),
    absent: observed.absent.filter(isOutside),
  };
}
