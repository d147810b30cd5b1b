// What compiling one target can come to, and what is told while it goes on.

import type { BuildPath, SourceExcerpt } from '../toolchains/toolchain.ts';
import type { BaseInputs } from './fingerprint.ts';

export type CompileEvent =
  /** Inputs are being hashed and the cache is being asked. */
  | { type: 'checking' }
  /** Nothing usable in the cache; `why` names the inputs that changed, one sentence each. */
  | { type: 'missed'; why: string[] }
  /** Another thread or process is compiling the very same thing. */
  | { type: 'waiting'; pid: number }
  | { type: 'compiling'; jobs: number; logFile: string }
  /** How it is compiled, when that is decided. */
  | { type: 'path'; path: BuildPath }
  | { type: 'output'; line: string }
  /** Something that does not stop the compile. */
  | { type: 'warning'; message: string };

export type CompileResult = CompileSuccess | CompileFailure;

export interface CompileSuccess {
  ok: true;
  /**
   * `compiled` here, `cache` from an earlier build, `waited` compiled by another thread or process meanwhile, `remote` by
   * another machine.
   */
  source: 'compiled' | 'cache' | 'waited' | 'remote';
  /** Absolute paths of the artifacts, in the directory that was given for them. */
  files: string[];
  /** Milliseconds that compiling took, when it was compiled. */
  compileDuration: number;
  /** When it was compiled, in milliseconds since the epoch. */
  compiledAt: number;
  /** What it is known by; undefined when its inputs changed while it was compiled, so that it may be out of date already. */
  fingerprint?: string;
  /** Whether the next build can have it from the cache. */
  stored: boolean;
  /** Who signed it, when it is from the remote cache: the name in the list of trusted keys, or the beginning of the key. */
  signer?: string;
  /** Why it is of use on this machine only, as a phrase; undefined when another machine could have it. */
  bound?: string;
  /** What to tell other machines, when it was compiled and stored here. */
  made?: MadeHere;
  /** What a person should know about it, one sentence each, also when it was compiled earlier. */
  warnings: string[];
  /**
   * The files that it was made of, as they are stored: relative to the config directory where they are in it. Undefined
   * when nothing is known of them.
   */
  read?: string[];
}

/** What a firmware is known by. Plain data. */
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
  /** One sentence for a person: what went wrong and what to do. */
  message: string;
  exitCode?: number;
  lastLines: string[];
  /** The compiler's full output, when it was started. */
  logFile?: string;
  /** What the compiler read where it could not go on, when it says where that was. */
  excerpt?: SourceExcerpt | undefined;
}

/** Whether a target is in the cache. */
export type LookupResult =
  | {
      hit: true;
      fingerprint: string;
      compileDuration: number;
      /** When it was compiled, in milliseconds since the epoch. */
      compiledAt: number;
    }
  /** `why` names what is different from the newest build that is known, one sentence each; never empty. */
  | { hit: false; why: string[] };
