// Toolchain interface: identity, declared inputs and compile. The implementations are beside it.
import { GloveboxError } from '../../errors.ts';
import type { InputReader } from '../inputs/input-reader.ts';
import type { NamedPlace } from '../inputs/path-base.ts';
import type { Target } from '../matrix/target.ts';

/** A toolchain that cannot be used as configured, or whose version cannot be determined. */
export class ToolchainError extends GloveboxError {
  constructor(message: string, options?: ErrorOptions) {
    super('GLOVEBOX_TOOLCHAIN', message, options);
  }
}

export interface Toolchain {
  readonly kind: 'west' | 'container' | 'command';

  /**
   * Everything about the toolchain, apart from files, that can change the output of this target: program, arguments,
   * version, chosen environment. Plain JSON data; explanations name its fields (`toolchain.version changed`).
   *
   * @param reader for programs identified by content. Default: a new reader
   */
  identity(target: Target, signal?: AbortSignal, reader?: InputReader): Promise<Record<string, unknown>>;

  /**
   * The part of {@link identity} that a machine must have by itself to compile any target of any config: programs and
   * their versions, an image. Agents with the same one can build the target. Plain JSON data. Default: no agent can.
   */
  capability?(signal?: AbortSignal): Promise<Record<string, unknown>>;

  /**
   * The state of the workspace in which targets are built, the same for all of them: agents need it, too, and may make
   * it. Plain JSON data. Default: no workspace is needed.
   */
  workspaceState?(signal?: AbortSignal): Promise<object>;

  /**
   * The locations on this machine that differ on others, so that paths can be stored in a portable form. Default: none.
   */
  surroundings?(signal?: AbortSignal): Promise<Surroundings>;

  /**
   * Begins the slow part of {@link identity}, such as asking a program for its version, and resolves once only waiting
   * is left: a build opens its caches meanwhile. Never rejects: `identity` reports the error. Default: nothing to
   * prepare.
   */
  prepare?(signal?: AbortSignal): Promise<ToolchainPreparation>;

  /** Absolute paths of every file that a build of any target may read and that can change. Sorted. */
  declaredInputs(): Promise<string[]>;

  /**
   * Notes for the user before a build, one sentence each: the toolchain works, but perhaps not as expected. Default:
   * none.
   */
  notes?(signal?: AbortSignal): Promise<string[]>;

  /**
   * Records, at low priority, which macros each object of a target's last build used, for the next build of the target.
   * Resolves to whether the record is complete; if `signal` aborts, it keeps what it has. Default: no objects are taken
   * over.
   */
  recordMacros?(target: Target, options: RecordOptions): Promise<boolean>;

  /**
   * Compiles. Rejects with the file system's error if artifacts cannot be written, and otherwise only for bugs: a
   * failing compiler is an outcome. Leaves no process behind, even if `signal` aborts.
   */
  compile(job: CompileJob): Promise<CompileOutcome>;
}

/** Options of {@link Toolchain.recordMacros}. */
export interface RecordOptions {
  signal: AbortSignal;
  /** How many processes may run at once. */
  jobs: number;
  /** As in {@link CompileJob}. */
  onProcess?: CompileJob['onProcess'];
}

/** The machine-specific part of a toolchain. */
export interface Surroundings {
  places: NamedPlace[];
  /** The directories in which programs are looked up by name. Absolute. */
  folders: string[];
  /** Why another machine cannot build the same from the same inputs, as phrases. Empty if it can. */
  bound: string[];
}

/** Handle of a begun {@link Toolchain.prepare}. */
export interface ToolchainPreparation {
  /** Resolves when the preparation is over and no process of it is left. Never rejects. */
  over: Promise<void>;
}

export interface CompileJob {
  target: Target;
  /**
   * The description under which the firmware will be stored: {@link Toolchain.identity} and
   * {@link Toolchain.surroundings}, through JSON. Default: the toolchain determines them again.
   */
  described?: { identity: Record<string, unknown>; surroundings: Surroundings } | undefined;
  /** An empty directory of this job's own, absolute. Its owner removes it afterwards. */
  buildDirectory: string;
  /** An empty directory of this job's own for the artifacts, absolute. After a failure its contents are removed. */
  artifactDirectory: string;
  /** How many processes the compiler itself may run at once. */
  jobs: number;
  /** The file that gets the compiler's full output. Its directory exists. */
  logFile: string;
  /** The trace context, given to the compiler as `TRACEPARENT`. It is not part of any fingerprint. Default: none. */
  traceparent?: string | undefined;
  signal: AbortSignal;
  /**
   * Whether the target's last build directory may be built upon, where the toolchain keeps one, and this one be kept.
   * The artifacts are the same. Default: false.
   */
  incremental?: boolean | undefined;
  /** Told how it is built, when that is decided. */
  onPath?: ((path: BuildPath) => void) | undefined;
  /**
   * Called when a build is configured whose objects may be those of other targets: resolves, when it is its turn to
   * compile them, to how many processes it may run then. Default: at once, with `jobs`.
   */
  onConfigured?: (() => Promise<number>) | undefined;
  /** Each line the compiler prints, without its line end, as it comes. */
  onOutput: (line: string) => void;
  /** Called with the process group of every child that starts, and again when it has ended. */
  onProcess?: (event: 'started' | 'ended', processGroup: number) => void;
}

/** How a target is built: everything anew, or upon the last build directory. */
export type BuildPath =
  /** `why` is the end of a sentence; undefined when nothing else was asked for. */
  | { kind: 'pristine'; why: string | undefined }
  /** Objects that the edit cannot change are reused. `causes` says what was edited, and where. */
  | { kind: 'incremental'; compiled: number; objects: number; causes: string[] };

export type CompileOutcome =
  | {
      ok: true;
      /** The artifacts: files in the artifact directory, by name. */
      artifacts: Artifact[];
      /** The inputs that the build really read. Undefined if unknown: then all declared inputs count. */
      observed?: ObservedInputs;
      /**
       * Why the build may have read files that are neither observed nor declared, as the end of a sentence. Its result
       * is not stored, since nothing would show when it is out of date. Default: it has not.
       */
      untraceable?: string;
      /** Parts of the identity that changed during the build. If any, the result is not cached. Default: none. */
      changedDuringBuild?: string[];
      /** Notes for the user about the firmware, one sentence each; stored with it. Default: none. */
      warnings?: string[];
      /** What ccache did. Default: it was not used, or does not say. */
      ccache?: CcacheStatistics;
    }
  | {
      ok: false;
      reason: 'exit-status' | 'killed' | 'cannot-start' | 'no-artifacts' | 'wrong-board' | 'cancelled';
      /** One sentence for the user: what went wrong and what to do. */
      message: string;
      exitCode?: number;
      lastLines: string[];
      /** The preprocessed line at which the compiler stopped, if it reports one. */
      excerpt?: SourceExcerpt | undefined;
    };

/** How many objects of a build ccache had, and how it found them. */
export interface CcacheStatistics {
  /** Found without the preprocessor. */
  direct: number;
  /** Found by their preprocessed sources. */
  preprocessed: number;
  /** Compiled. */
  missed: number;
}

/** A preprocessed line. The compiler's columns refer to it, and it differs from the line in the source. */
export interface SourceExcerpt {
  /** The source of the line, as the compiler names it. */
  file: string;
  /** Of the source. 1-based. */
  line: number;
  text: string;
  /** The column in `text` at which the compiler stopped. 1-based. */
  column: number;
}

export interface Artifact {
  /** File name in the output directory, such as `corne_left-nice_nano_v2-zmk.uf2`. No path separators. */
  name: string;
  /** Absolute path. */
  path: string;
}

/**
 * The inputs that a build read. Paths are absolute, or in the form of `PathBase`. Uncertainty only adds inputs:
 * observed ones always count, and declared ones as far as the toolchain does not know better.
 */
export interface ObservedInputs {
  /** Absolute paths of files that were read. */
  files: string[];
  /** Absolute paths of directories whose listing the build depended on. */
  directories: string[];
  /** Absolute paths that were looked for and did not exist. */
  absent: string[];
  /**
   * Which declared inputs count as well. `names`: `directories` and `absent` may be incomplete, so any declared input
   * that is added or removed counts. `contents`: `files` may be incomplete, so every declared input counts. Default:
   * `names` if both lists are empty, because then nothing shows what was looked for in vain; else none.
   */
  declared?: 'names' | 'contents';
}
