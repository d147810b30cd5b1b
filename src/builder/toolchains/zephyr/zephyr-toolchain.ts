// A toolchain that builds with ZMK's own build, whatever runs it.
import { constants, copyFileSync, existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { cacheKey } from '../../../cache/keys.ts';
import { GloveboxError } from '../../../errors.ts';
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
import { isInside } from '../input-files.ts';
import {
  compiledPlaces,
  devicetreeSources,
  type ObserveOptions,
  observeZephyrBuild,
  Places,
  type UsedTools,
} from '../observed/index.ts';
import { cancelled, type FailedOutcome, withoutArtifacts, wrongBoard } from '../outcome.ts';
import type { ToolchainResources } from '../resources.ts';
import type {
  Artifact,
  CompileJob,
  CompileOutcome,
  ObservedInputs,
  RecordOptions,
  Toolchain,
} from '../toolchain.ts';
import { ToolchainError } from '../toolchain-error.ts';
import { examineBoard } from './board-compat.ts';
import { CcacheEpoch } from './ccache-epoch.ts';
import { CompilerFacts } from './compiler-facts.ts';
import type { ZephyrEngine, ZephyrOrder } from './engine.ts';
import { collectFirmware, DEFAULT_FALLBACK_BINARY } from './firmware.ts';
import { settingsWithoutEffect } from './kconfig-warnings.ts';
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
import { copySettings } from './settings.ts';
import { BUILD, ownStation, type Station, TEMPORARY, takeStation, visitStation } from './station.ts';
import { westBuildArguments } from './west-build.ts';

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

/** Milliseconds by which two clocks may disagree in one build. */
const CLOCK_DRIFT_MS = 50;

/** What becomes of a station's build directories. */
interface StationBuild {
  /** The last build's, once it is in use. */
  former: KeptBuild | undefined;
  /** Whether objects were taken from it. */
  isAdopted?: boolean;
  /** Keeps this build's; resolves to whether it did. */
  keep: (() => Promise<boolean>) | undefined;
}

/** Milliseconds: the targets of a build ask one after the other, and about the same moment. */
const FRESH = 1_000;

export class ZephyrToolchain implements Toolchain {
  readonly #engine: ZephyrEngine;
  readonly #description: ZephyrDescription;
  readonly #resources: ToolchainResources;
  readonly #outputDirectory: string;
  #workspace: { at: number; identity: WorkspaceIdentity } | undefined;

  constructor(engine: ZephyrEngine, description: ZephyrDescription, resources: ToolchainResources = {}) {
    this.#engine = engine;
    this.#resources = resources;
    this.#description = description;
    this.#outputDirectory = path.resolve(
      description.configDirectory,
      description.outputDirectory ?? 'firmware',
    );
  }

  get kind(): 'west' | 'container' {
    return this.#engine.kind;
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
      this.#engine.identity(signal),
      this.#workspaceNow(FRESH, signal),
    ]);
    return { command, configPath, isModule, fallbackBinary, zephyr, ...engine, workspace };
  }

  async declaredInputs(): Promise<string[]> {
    return repositoryInputs(this.#repository(), this.#outputDirectory, await this.#projects());
  }

  async notes(signal?: AbortSignal): Promise<string[]> {
    const { workspace } = this.#description;
    const found = describeWorkspace(await this.#workspaceNow(FRESH, signal));
    return found.map(note => `In the workspace ${workspace}, ${note}`);
  }

  async compile(job: CompileJob): Promise<CompileOutcome> {
    const { signal } = job;
    if (signal.aborted) return cancelled([]);
    try {
      return await useWorkspace(this.#description.workspace, () => this.#compileSteadily(job));
    } catch (error) {
      if (signal.aborted) return cancelled([]);
      if (!(error instanceof GloveboxError)) throw error;
      return { ok: false, reason: 'cannot-start', message: error.message, lastLines: [] };
    }
  }

  /** Compiles, and looks whether the workspace still is what it was when the target was described. */
  async #compileSteadily(job: CompileJob): Promise<CompileOutcome> {
    const { signal, target, buildDirectory } = job;
    const { cacheRoot } = this.#description;
    const before = this.#workspace?.identity ?? (await this.#workspaceNow(0, signal));
    const compiler = JSON.stringify([this.kind, await this.#engine.identity(signal)]);
    const station =
      (cacheRoot === undefined
        ? undefined
        : await takeStation(cacheRoot, this.#stationName(target), compiler)) ??
      ownStation(path.join(buildDirectory, 'station'));
    const build: StationBuild = { former: undefined, keep: undefined };
    let isKept = false;
    try {
      const outcome = await this.#compileAt(station, job, build);
      if (!outcome.ok) return outcome;
      const after = await this.#workspaceNow(0, signal);
      if (JSON.stringify(after) !== JSON.stringify(before))
        return { ...outcome, unsteady: ['the workspace'] };
      // What cannot be written only takes more time.
      isKept = (await build.keep?.().catch(() => false)) ?? false;
      return outcome;
    } finally {
      if (!isKept) build.former?.restore();
      const isFormer = station.kept !== undefined && existsSync(station.kept.state);
      await station.close(isKept ? 'built' : isFormer ? 'former' : undefined);
    }
  }

  /** What tells a target's station from all others. */
  #stationName({ artifactName }: Target): string[] {
    return [this.#description.configDirectory, artifactName];
  }

  async recordMacros(target: Target, { signal, jobs, onProcess }: RecordOptions): Promise<boolean> {
    const { cacheRoot } = this.#description;
    const station =
      cacheRoot === undefined ? undefined : await visitStation(cacheRoot, this.#stationName(target));
    if (station === undefined) return true;
    const temporary = path.join(station.work, TEMPORARY);
    try {
      mkdirSync(temporary, { recursive: true });
      return await recordMacros(station.kept, path.join(station.work, BUILD), async (script, order) => {
        const job = {
          ...{ target, buildDirectory: station.work, jobs, signal, onOutput: () => {} },
          logFile: path.join(temporary, 'macros.log'),
          onProcess: onBoth(station.onProcess, onProcess),
        };
        const { ok } = await this.#engine.run({ ...(order as ZephyrOrder), ccache: undefined }, job, {
          script,
        });
        return ok;
      });
    } finally {
      rmSync(temporary, { recursive: true, force: true });
      station.leave();
    }
  }

  async #compileAt(station: Station, job: CompileJob, use: StationBuild): Promise<CompileOutcome> {
    const { workspace, fallbackBinary } = this.#description;
    const { target, buildDirectory } = job;
    const repository = this.#repository();
    const facts = CompilerFacts.begin(station.facts);
    const epoch = await this.#beginEpoch(station, job);
    const order: ZephyrOrder = {
      ...orderAt(station, workspace, await this.#places(), repository, epoch),
      ...(facts === undefined ? { userCache: path.join(station.work, 'facts') } : {}),
      linked: this.kind === 'container' ? linkedOutside(repository, await this.#projects()) : [],
    };
    mkdirSync(order.userCache, { recursive: true });
    const startMark = path.join(station.work, 'started');
    writeFileSync(startMark, '');
    const started = Date.now();
    const conditions = await this.#conditions(target);
    const own = { ...job, onProcess: onBoth(station.onProcess, job.onProcess) };
    const ran = await this.#run(station, order, own, conditions, use);
    const traced = await this.#trace(order, repository, job, ran.ok, { facts, epoch });
    const { build } = order;
    if (!ran.ok) return { ...ran, excerpt: await excerptOf(build, job.logFile) };
    const { artifactName } = target;
    const found = await collectFirmware({ build, artifactName, fallbackBinary, startMark });
    if (typeof found === 'string') return withoutArtifacts(found, ran.lastLines);
    const options = await this.#observeOptions(order, repository, undefined);
    const places = new Places(options);
    const { configDirectory } = options;
    const { tools } = traced;
    if (job.incremental && station.kept !== undefined && 'observed' in traced && tools !== undefined) {
      const { kept } = station;
      const devicetree = devicetreeSources(options);
      const finished = { ...conditions, started, observed: traced.observed, tools, devicetree };
      use.keep = () => KeptBuild.keep(kept, build, finished, use.isAdopted ? use.former : undefined, order);
    }
    const board = await examineBoard({
      ...{ build, board: target.board, places },
      application: path.join(workspace, order.application),
    });
    if (board !== undefined && 'wrong' in board) return wrongBoard(board.wrong, ran.lastLines);
    const warnings = [
      ...(board === undefined ? [] : [board.warning]),
      ...(await settingsWithoutEffect({ logFile: job.logFile, target, configDirectory, places })),
    ];
    const inputs = 'observed' in traced ? { observed: traced.observed } : { untraceable: traced.untraceable };
    return { ok: true, artifacts: bring(found, buildDirectory), warnings, ...inputs };
  }

  /** What a build depends on besides the content of files. */
  async #conditions(target: Target): Promise<BuildConditions> {
    return {
      identity: JSON.stringify(await this.identity(target)),
      declared: await cacheKey('declared', await this.declaredInputs()),
    };
  }

  /** Builds upon the last build directory, as far as that is certain to make the same; else everything. */
  async #run(
    station: Station,
    order: ZephyrOrder,
    job: CompileJob,
    conditions: BuildConditions,
    use: StationBuild,
  ): Promise<{ ok: true; lastLines: string[] } | FailedOutcome> {
    if (!job.incremental || station.kept === undefined) {
      job.onPath?.({ kind: 'pristine', why: undefined });
      return this.#engine.run(order, job, 'all');
    }
    const taken = KeptBuild.take(station.kept);
    use.former = taken instanceof KeptBuild ? taken : undefined;
    let why = taken instanceof KeptBuild ? await taken.obstacle(conditions) : taken.why;
    if (use.former === undefined || why !== undefined) {
      job.onPath?.({ kind: 'pristine', why });
      return this.#engine.run(order, job, 'all');
    }
    const began = { wall: Date.now(), steady: performance.now() };
    const configured = await this.#engine.run(order, job, 'configure');
    if (!configured.ok) return configured;
    const adopted = use.former.adopt(order.build);
    if ('why' in adopted) {
      job.onPath?.({ kind: 'pristine', why: adopted.why });
      return this.#engine.run(order, job, 'make');
    }
    use.isAdopted = true;
    const { compiled, objects } = adopted;
    job.onPath?.({
      kind: 'incremental',
      compiled,
      objects,
      causes: this.#causes(use.former, adopted.causes),
    });
    const made = await this.#engine.run(order, job, 'make');
    const isBack = Date.now() - began.wall < performance.now() - began.steady - CLOCK_DRIFT_MS;
    if (job.signal.aborted || (made.ok && !isBack)) return made;
    // Ninja goes by the times of files. And what fails has to fail as it does in a pristine build.
    use.isAdopted = false;
    why = isBack ? 'the clock went back' : 'it failed with objects of the last build';
    job.onPath?.({ kind: 'pristine', why });
    rmSync(order.build, { recursive: true, force: true });
    return this.#engine.run(order, job, 'all');
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
    order: ZephyrOrder,
    repository: ConfigRepository,
    { signal }: CompileJob,
    isComplete: boolean,
    { facts, epoch }: { facts: CompilerFacts | undefined; epoch: CcacheEpoch | undefined },
  ): Promise<({ observed: ObservedInputs } | { untraceable: string }) & { tools?: readonly string[] }> {
    const interrupted = async () =>
      epoch?.interrupt(compiledPlaces(await this.#observeOptions(order, repository, undefined)));
    // A cancelled build is waited for, and of one that failed nothing is kept but what ccache learned.
    if (!isComplete && (epoch === undefined || (signal.aborted && !epoch.isNew))) {
      facts?.end(undefined);
      await interrupted();
      return { untraceable: 'it did not come to its end.' };
    }
    const tools = await this.#engine.tools(order.build, isComplete);
    facts?.end('untraceable' in tools ? undefined : tools.files);
    const options = await this.#observeOptions(order, repository, 'untraceable' in tools ? undefined : tools);
    const traced = 'untraceable' in tools ? tools : await observeZephyrBuild(options);
    if ('untraceable' in traced) {
      if (!isComplete) await interrupted();
      return traced;
    }
    const observed = without([order.work, order.userCache], traced.observed);
    await epoch?.end({ ...traced, observed, tools: options.tools });
    // What is compiled without being seen may change without being noticed.
    return {
      observed,
      ...(traced.hasHidden || options.tools === undefined ? {} : { tools: options.tools.files }),
    };
  }

  async #observeOptions(
    order: ZephyrOrder,
    repository: ConfigRepository,
    tools: UsedTools | undefined,
  ): Promise<ObserveOptions> {
    const { workspace, configDirectory } = this.#description;
    const { build, config } = order;
    const { seen = [], ...sight } = this.#engine.sees(order);
    return {
      ...{ buildDirectory: build, configDirectory, workspace, ...sight },
      projects: await this.#projects(),
      outputs: [this.#outputDirectory],
      ...(tools === undefined ? {} : { tools }),
      seen: [...seen, ...(config === repository.config ? [] : [{ seen: config, here: repository.config }])],
    };
  }

  /** Begins a build in which ccache is used; undefined when it is not. */
  async #beginEpoch(station: Station, { target, signal }: CompileJob): Promise<CcacheEpoch | undefined> {
    const { workspace, configDirectory } = this.#description;
    if (station.ccache === undefined || !(await this.#engine.hasCcache(workspace))) return undefined;
    const projects = await this.#projects();
    return CcacheEpoch.begin({
      ...{ file: station.ccache.epoch, configDirectory },
      // Arguments for CMake may choose a compiler.
      context: JSON.stringify([this.kind, await this.#engine.identity(signal), target.cmakeArgs ?? '']),
      workspace: () => projectNames(projects, configDirectory),
      declared: async () => cacheKey('declared', await this.declaredInputs()),
    });
  }

  /** The directories of the workspace's projects, which are known by their revisions. */
  async #projects(): Promise<string[]> {
    const { projects } = this.#workspace?.identity ?? (await this.#workspaceNow(FRESH));
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
  async #workspaceNow(age: number, signal?: AbortSignal): Promise<WorkspaceIdentity> {
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

/** Prepares a station for one build. */
function orderAt(
  station: Station,
  workspace: string,
  { application, zephyr }: ZmkPlaces,
  repository: ConfigRepository,
  epoch: CcacheEpoch | undefined,
): Omit<ZephyrOrder, 'linked'> {
  const { work, facts: userCache, ccache } = station;
  const isUsed = ccache !== undefined && epoch !== undefined && !epoch.isBlind;
  const temporary = path.join(work, 'tmp');
  mkdirSync(temporary, { recursive: true });
  const settings = path.join(temporary, 'west-settings');
  copySettings(workspace, zephyr, settings);
  return {
    ...{ workspace, zephyr, application, settings },
    ...{ repository: repository.directory, configPath: repository.configPath },
    config: isolateConfig(repository, work),
    module: repository.isModule ? repository.directory : undefined,
    ...{ work, build: path.join(work, 'build'), temporary, userCache },
    ccache: isUsed ? { directory: ccache.directory, epoch: epoch.id } : undefined,
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

/** Copies artifacts to where the job's owner expects them. */
function bring(artifacts: readonly Artifact[], buildDirectory: string): Artifact[] {
  const directory = path.join(buildDirectory, 'artifacts');
  mkdirSync(directory, { recursive: true });
  return artifacts.map(({ name, path: from }) => {
    const to = path.join(directory, name);
    copyFileSync(from, to, constants.COPYFILE_FICLONE);
    return { name, path: to };
  });
}

/** What a build made for itself is no input. */
function without(directories: readonly string[], observed: ObservedInputs): ObservedInputs {
  const isForeign = (file: string) => !directories.some(directory => isInside(file, directory));
  return {
    ...observed,
    files: observed.files.filter(isForeign),
    directories: observed.directories.filter(isForeign),
    absent: observed.absent.filter(isForeign),
  };
}
