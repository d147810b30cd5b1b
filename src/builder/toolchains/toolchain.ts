// What is asked of whatever compiles. Implementations are beside it.
import type { InputReader } from '../incremental/input-reader.ts';
import type { NamedPlace } from '../incremental/path-base.ts';
import type { Target } from '../matrix/target.ts';

export interface Toolchain {
  readonly kind: 'west' | 'container' | 'command';

  /**
   * Everything about the toolchain, apart from files, that can change the output of this target: program, arguments,
   * version, chosen environment. Plain JSON data; every field is named in explanations (`toolchain.version changed`).
   *
   * @param reader for programs that are known by their content. Default: one of its own
   */
  identity(target: Target, signal?: AbortSignal, reader?: InputReader): Promise<Record<string, unknown>>;

  /**
   * Where things are on this machine that are elsewhere on others, so that what is read there is known again. Default:
   * nothing is known.
   */
  surroundings?(signal?: AbortSignal): Promise<Surroundings>;

  /**
   * Begins what takes {@link identity} long, such as asking a program for its version, and resolves when waiting is all
   * that is left to do: a build opens its caches meanwhile. Never rejects: `identity` tells what went wrong. Default:
   * there is nothing to begin.
   */
  prepare?(signal?: AbortSignal): Promise<ToolchainPreparation>;

  /** Absolute paths of every file that a build may read, of whichever target, and that can change. Sorted. */
  declaredInputs(): Promise<string[]>;

  /**
   * What a person should know about it before a build, one sentence each: it works, but may not be what it seems to be.
   * Default: nothing.
   */
  notes?(signal?: AbortSignal): Promise<string[]>;

  /**
   * Finds out, at low priority, what the next build of a target may take over from the last one's directory. Resolves to
   * whether there is nothing more to find out; when `signal` aborts it leaves what it has. Default: nothing is taken over.
   */
  recordMacros?(target: Target, options: RecordOptions): Promise<boolean>;

  /**
   * Compiles. Rejects with the file system's error when artifacts cannot be written, and else only for bugs: a failing
   * compiler is an outcome. Leaves no process behind, also when `signal` aborts.
   */
  compile(job: CompileJob): Promise<CompileOutcome>;
}

/** How {@link Toolchain.recordMacros} works. */
export interface RecordOptions {
  signal: AbortSignal;
  /** How many processes may run at once. */
  jobs: number;
  /** As in {@link CompileJob}. */
  onProcess?: CompileJob['onProcess'];
}

/** What is true on this machine, and not on others. */
export interface Surroundings {
  places: NamedPlace[];
  /** Where programs are looked for by their names: absolute directories. */
  folders: string[];
  /** Why nothing that is made here can be made of the same on another machine, as phrases. Empty: it can. */
  bound: string[];
}

/** What {@link Toolchain.prepare} began. */
export interface ToolchainPreparation {
  /** Resolves when it is over, and no process of it is left. Never rejects. */
  over: Promise<void>;
}

export interface CompileJob {
  target: Target;
  /**
   * What the target was described as, which its firmware will be known by: {@link Toolchain.identity} and
   * {@link Toolchain.surroundings}, through JSON. Default: the toolchain looks again.
   */
  described?: { identity: Record<string, unknown>; surroundings: Surroundings } | undefined;
  /** An empty directory of this job's own, absolute. Its owner removes it afterwards. */
  buildDirectory: string;
  /** An empty directory of this job's own for the artifacts, absolute. What is in it after a failure is removed. */
  artifactDirectory: string;
  /** How many processes the compiler itself may run at once. */
  jobs: number;
  /** The file that gets the compiler's full output. Its directory exists. */
  logFile: string;
  /** The trace context that the compiler gets as `TRACEPARENT`, and that counts for nothing. Default: none. */
  traceparent?: string | undefined;
  signal: AbortSignal;
  /**
   * Whether the target's last build directory may be built upon, where the toolchain keeps one, and this one be kept.
   * The artifacts are the same. Default: false.
   */
  incremental?: boolean | undefined;
  /** Told how it is built, when that is decided. */
  onPath?: ((path: BuildPath) => void) | undefined;
  /** Each line the compiler prints, without its line end, as it comes. */
  onOutput: (line: string) => void;
  /** Called with the process group of every child that is started, and again when it is gone. */
  onProcess?: (event: 'started' | 'ended', processGroup: number) => void;
}

/** How a target is built: everything anew, or upon the last build directory. */
export type BuildPath =
  /** `why` is the end of a sentence; undefined when nothing else was asked for. */
  | { kind: 'pristine'; why: string | undefined }
  /** Objects that the edit cannot change are taken over. `causes` says what was edited, and where. */
  | { kind: 'incremental'; compiled: number; objects: number; causes: string[] };

export type CompileOutcome =
  | {
      ok: true;
      /** What was built: files in the artifact directory, by their names. */
      artifacts: Artifact[];
      /** What the build really read. Undefined: not known, so all declared inputs count. */
      observed?: ObservedInputs;
      /**
       * Why the build may have read files that are neither observed nor declared, as the end of a sentence: then it
       * cannot be told when its result is out of date, and it is not kept. Default: it has not.
       */
      untraceable?: string;
      /** What of the identity that the target was described by has changed: then the result is not kept. Default: nothing. */
      changedDuringBuild?: string[];
      /** What a person should know about the firmware, one sentence each; kept with it. Default: nothing. */
      warnings?: string[];
    }
  | {
      ok: false;
      reason: 'exit-status' | 'killed' | 'cannot-start' | 'no-artifacts' | 'wrong-board' | 'cancelled';
      /** One sentence for a person: what went wrong and what to do. */
      message: string;
      exitCode?: number;
      lastLines: string[];
      /** What the compiler read where it could not go on, when it says where that was. */
      excerpt?: SourceExcerpt | undefined;
    };

/** A line as a compiler read it after preprocessing, which its messages count in and nobody has written. */
export interface SourceExcerpt {
  /** The source that the line came from, as the compiler calls it. */
  file: string;
  /** Of the source. 1-based. */
  line: number;
  text: string;
  /** Where in `text` it could not go on. 1-based. */
  column: number;
}

export interface Artifact {
  /** File name in the output directory, such as `corne_left-nice_nano_v2-zmk.uf2`. No path separators. */
  name: string;
  /** Absolute path. */
  path: string;
}

/**
 * What a build read. Paths are absolute, or as `PathBase` writes them. Doubt only ever adds inputs: what is observed counts in any case, and the declared inputs as far as
 * the toolchain does not know better.
 */
export interface ObservedInputs {
  /** Absolute paths of files that were read. */
  files: string[];
  /** Absolute paths of directories whose listing the build depended on. */
  directories: string[];
  /** Absolute paths that were looked for and did not exist. */
  absent: string[];
  /**
   * Which declared inputs count as well. `names`: `directories` and `absent` may not be all, so any declared input that
   * comes or goes counts. `contents`: `files` may not be all, so every declared input counts. Default: `names` when both
   * lists are empty, because then nothing tells what was looked for in vain; else none.
   */
  declared?: 'names' | 'contents';
}
