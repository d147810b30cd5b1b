// Result of compiling one target, and the events on the way.

import type { MemoryUse } from '../output/memory-use.ts';
import type { BuildPath, CcacheStatistics, SourceExcerpt } from '../toolchains/toolchain.ts';
import type { BaseInputs } from './fingerprint.ts';

export type CompileEvent =
  /** The inputs are being hashed, and the cache is being read. */
  | { type: 'checking' }
  /** The cache has nothing usable; `why` names the inputs that changed, one sentence each. */
  | { type: 'missed'; why: string[] }
  /** Another thread or process is compiling the same target from the same inputs. */
  | { type: 'waiting'; pid: number }
  | { type: 'compiling'; jobs: number; logFile: string }
  /** How it is compiled, when that is decided. */
  | { type: 'path'; path: BuildPath }
  | { type: 'output'; line: string }
  /** A problem that does not stop the compile. */
  | { type: 'warning'; message: string };

export type CompileResult = CompileSuccess | CompileFailure;

export interface CompileSuccess {
  ok: true;
  /**
   * `compiled`: here. `cache`: by an earlier build. `waited`: by another thread or process during this build. `remote`:
   * by another machine. `agent`: by another machine, for this build.
   */
  source: 'compiled' | 'cache' | 'waited' | 'remote' | 'agent';
  /** The agent that compiled it. */
  agent?: string;
  /** Absolute paths of the artifacts, in the directory given for them. */
  files: string[];
  /** Milliseconds that the original compile took. */
  compileDuration: number;
  /** Time of the compile, in milliseconds since the epoch. */
  compiledAt: number;
  /**
   * The fingerprint; undefined if inputs changed during the compile, so that the firmware may already be out of date.
   */
  fingerprint?: string;
  /** Whether the next build can have it from the cache. */
  stored: boolean;
  /** The signer, if it is from the remote cache: the name in the list of trusted keys, or the beginning of the key. */
  signer?: string;
  /** Why only this machine can use it, as a phrase; undefined if another machine can. */
  bound?: string;
  /** The data to upload for other machines, if it was compiled and stored here. */
  made?: MadeHere;
  /** Notes for the user, one sentence each, also if it was compiled earlier. */
  warnings: string[];
  /** What ccache did, if it was compiled here with ccache. */
  ccache?: CcacheStatistics;
  /** Undefined if the linker did not report it. */
  memory?: MemoryUse;
  /**
   * The files that it was made from, in stored form: relative to the config directory if inside it. Undefined if
   * unknown.
   */
  read?: string[];
}

/** The identity of a firmware compiled here. Plain data. */
export interface MadeHere {
  base: BaseInputs;
  /** Of `base`. */
  digest: string;
  /** The fingerprint. */
  key: string;
}

export interface CompileFailure {
  ok: false;
  reason:
    | 'exit-status'
    | 'killed'
    | 'cannot-start'
    | 'no-artifacts'
    | 'wrong-board'
    | 'output'
    | 'inputs'
    | 'cancelled';
  /** One sentence for the user: what went wrong and what to do. */
  message: string;
  exitCode?: number;
  lastLines: string[];
  /** The compiler's full output, if it was started. */
  logFile?: string;
  /** The preprocessed line at which the compiler stopped, if it reports one. */
  excerpt?: SourceExcerpt | undefined;
}

/** Outcome of a lookup in the cache. */
export type LookupResult =
  | {
      hit: true;
      fingerprint: string;
      compileDuration: number;
      /** Time of the compile, in milliseconds since the epoch. */
      compiledAt: number;
    }
  /** `why` lists the differences from the newest known build, one sentence each; never empty. */
  | { hit: false; why: string[] };
