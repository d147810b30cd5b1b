// What runs `west build`: the programs of this machine, or a container. It decides where a build sees things and what
// its environment is; everything else is the same for both.
import type { ObserveOptions, UsedTools } from '../observed/index.ts';
import type { FailedOutcome } from '../outcome.ts';
import type { CompileJob, Surroundings } from '../toolchain.ts';

/** One build, with absolute paths of this machine. */
export interface ZephyrBuildSpec {
  workspace: string;
  /** Where Zephyr is in the workspace, relative. */
  zephyr: string;
  /** Where ZMK's application is in the workspace, relative. */
  application: string;
  /** West's settings of the workspace: a copy, inside of `temporary`. */
  settings: string;
  /** The directory of the keymaps, or a copy of it: what `ZMK_CONFIG` is to be. */
  config: string;
  /** The config's repository. */
  repository: string;
  /** Where the keymaps are in it, relative. */
  configPath: string;
  /** The config's repository, when it is a module. */
  module: string | undefined;
  /** Links in the config repository that lead out of it, or to a place that they name by its whole path. */
  linked: readonly RepositoryLink[];
  /** Everything of this build, and of no other; removed after it. */
  work: string;
  /** Where the build sees `work`. Absolute. */
  seenWork: string;
  /** Where it builds: inside of `work`, not there yet. */
  build: string;
  /** For temporary files: inside of `work`. */
  temporary: string;
  /** For what Zephyr finds out about the compiler: of builds that find out the same, one at a time. */
  userCache: string;
  /** For ccache, if there is one. Undefined: it is not to be used. */
  ccache: CcacheUse | undefined;
}

/** A symbolic link of a config repository. */
export interface RepositoryLink {
  /** Absolute; the directories that it is in are no links. */
  link: string;
  /** What it says. */
  leads: string;
}

/** How ccache is used. */
export interface CcacheUse {
  /** What it keeps is there. Absolute. */
  directory: string;
  /** Part of the key of every object: see `CompilerEpoch`. */
  compiler: string;
  /** Part of the key of objects that it finds without the preprocessor: see `CcacheEpoch`. */
  epoch: string;
}

/** What is run: a whole build, what CMake does of it, what is left then; or a script of ours, where the build ran. */
export type BuildStep = 'all' | 'configure' | 'make' | { script: string };

export interface ZephyrRunner {
  readonly kind: 'west' | 'container';
  /** Where a build sees the config's repository. Absolute. Default: where it is. */
  readonly repository?: string;

  /**
   * Everything about it that can change the firmware: versions, the image, the environment. Plain JSON. Rejects with a
   * `GloveboxError` when it cannot build.
   */
  identity(signal?: AbortSignal): Promise<Record<string, unknown>>;

  /** The part of {@link identity} that depends neither on a workspace nor on a configuration. Plain JSON. */
  capability(signal?: AbortSignal): Promise<Record<string, unknown>>;

  /** Where its tools are on this machine. */
  surroundings(signal?: AbortSignal): Promise<Surroundings>;

  /** Where a build sees its own directory, which is at `work` on this machine. Absolute. */
  seenWork(work: string): Promise<string>;

  /** Runs `west build`, or a step of it, for a job. Resolves when nothing of it runs any more. */
  run(
    spec: ZephyrBuildSpec,
    job: CompileJob,
    step: BuildStep,
  ): Promise<{ ok: true; lastLines: string[] } | FailedOutcome>;

  /** Whether it has a ccache that a build in this workspace would use. */
  hasCcache(workspace: string): Promise<boolean>;

  /**
   * What a build in this directory used of the compiler, or why that cannot be told, as the end of a sentence. Nothing when
   * the engine's identity says it all.
   *
   * @param isComplete whether it came to its end, so that it has linked
   */
  tools(build: string, isComplete: boolean): Promise<UsedTools | { untraceable: string }>;

  /** How the paths in the records of a build are to be understood. */
  pathMapping(spec: ZephyrBuildSpec): Pick<ObserveOptions, 'seen' | 'isolated'>;
}
