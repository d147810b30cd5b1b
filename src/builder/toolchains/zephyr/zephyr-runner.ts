// Runner of `west build`: with the programs of this machine, or in a container. It determines a build's paths and
// environment; everything else is the same for both.
import type { ObserveOptions, UsedTools } from '../observed/index.ts';
import type { FailedOutcome } from '../outcome.ts';
import type { CompileJob, Surroundings } from '../toolchain.ts';

/** One build. Paths are absolute ones of this machine unless stated otherwise. */
export interface ZephyrBuildSpec {
  workspace: string;
  /** Zephyr's directory, relative to the workspace. */
  zephyr: string;
  /** The directory of ZMK's application, relative to the workspace. */
  application: string;
  /** A copy of the workspace's west settings, inside `temporary`. */
  settings: string;
  /** The value of `ZMK_CONFIG`: the directory of the keymaps, or a copy of it. */
  config: string;
  /** The config's repository. */
  repository: string;
  /** The directory of the keymaps, relative to the repository. */
  configPath: string;
  /** The config's repository, if it is a module. */
  module: string | undefined;
  /** Links in the config repository that lead out of it or have an absolute target. */
  linked: readonly RepositoryLink[];
  /** The directory of this build alone, removed after it. */
  work: string;
  /** The build's own path of `work`. Absolute. */
  seenWork: string;
  /** The build directory: inside `work`, not created yet. */
  build: string;
  /** The directory for temporary files, inside `work`. */
  temporary: string;
  /** The directory for Zephyr's findings about the compiler, used by one build at a time. */
  userCache: string;
  /** The use of ccache. Undefined: it is not used. */
  ccache: CcacheUse | undefined;
}

/** A symbolic link of a config repository. */
export interface RepositoryLink {
  /** The path of the link. Absolute; the directories above it are not links. */
  link: string;
  /** The target of the link, as written in it. */
  leads: string;
}

/** Settings of ccache for a build. */
export interface CcacheUse {
  /** ccache's directory. Absolute. */
  directory: string;
  /** Part of the key of every object: see `CompilerEpoch`. */
  compiler: string;
  /** Part of the key of objects that are found without the preprocessor: see `CcacheEpoch`. */
  epoch: string;
}

/** A step: the whole build, the configuration by CMake, the compilation after that; or a script of Glovebox, in the build's environment. */
export type BuildStep = 'all' | 'configure' | 'make' | { script: string };

export interface ZephyrRunner {
  readonly kind: 'west' | 'container';
  /** The build's path of the config's repository. Absolute. Default: its path on this machine. */
  readonly repository?: string;

  /**
   * Everything about the runner that can change the firmware: versions, the image, the environment. Plain JSON. Rejects
   * with a `GloveboxError` if it cannot build.
   */
  identity(signal?: AbortSignal): Promise<Record<string, unknown>>;

  /** The part of {@link identity} that depends neither on a workspace nor on a configuration. Plain JSON. */
  capability(signal?: AbortSignal): Promise<Record<string, unknown>>;

  /** The places of its tools on this machine. */
  surroundings(signal?: AbortSignal): Promise<Surroundings>;

  /** A build's path of its own directory, which is `work` on this machine. Absolute. */
  seenWork(work: string): Promise<string>;

  /** Runs `west build`, or a step of it, for a job. Resolves once all its processes have ended. */
  run(
    spec: ZephyrBuildSpec,
    job: CompileJob,
    step: BuildStep,
  ): Promise<{ ok: true; lastLines: string[] } | FailedOutcome>;

  /** Whether a build in this workspace would use ccache. */
  hasCcache(workspace: string): Promise<boolean>;

  /**
   * The parts of the compiler that a build in this directory used, or, as the end of a sentence, why they are unknown. No
   * parts if the runner's identity covers them.
   *
   * @param isComplete whether the build was completed, so that it has linked
   */
  tools(build: string, isComplete: boolean): Promise<UsedTools | { untraceable: string }>;

  /** How paths in a build's records map to those of this machine. */
  pathMapping(spec: ZephyrBuildSpec): Pick<ObserveOptions, 'seen' | 'isolated'>;
}
