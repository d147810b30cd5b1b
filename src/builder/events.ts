// Everything that can happen in a build, as one union. The build emits, renderers draw; nothing else prints.

import type { Diagnosis } from './diagnosis/diagnosis.ts';
import type { CompileFailure } from './incremental/result.ts';
import type { Target } from './matrix/target.ts';
import type { BuildPath } from './toolchains/toolchain.ts';

/** Milliseconds since the epoch when it happened. */
interface At {
  at: number;
}

interface OfTarget extends At {
  /** The target's artifact name, which is unique in a build. */
  target: string;
}

export type BuildEvent =
  | (At & {
      type: 'build-started';
      configDirectory: string;
      outputDirectory: string;
      toolchain: string;
      targets: Target[];
      /** Targets compiled at once. */
      jobs: number;
      /** This process, so that another build that waits can name it. */
      pid: number;
    })
  /** Inputs are being hashed and the cache is being asked. */
  | (OfTarget & { type: 'target-checking' })
  /** Nothing usable in the cache; `why` names the inputs that changed, one sentence each. */
  | (OfTarget & { type: 'target-missed'; why: string[] })
  /** Another thread or process is compiling the very same thing. */
  | (OfTarget & { type: 'target-waiting'; thread: number; pid: number })
  | (OfTarget & { type: 'target-compiling'; thread: number; jobs: number; logFile: string })
  /** How it is compiled: everything anew, or upon the target's last build directory. */
  | (OfTarget & { type: 'target-path'; path: BuildPath })
  /** `--verify`, or an idle moment of `--watch`: it was compiled from nothing; `different` names the artifacts that are others. */
  | (OfTarget & { type: 'target-verified'; different: string[] })
  | (OfTarget & { type: 'target-output'; line: string })
  | (OfTarget & {
      type: 'target-finished';
      /**
       * `compiled` here, `cache` from an earlier build, `waited` compiled by another process meanwhile, `remote` by another
       * machine.
       */
      source: 'compiled' | 'cache' | 'waited' | 'remote';
      /** Who signed what is from the remote cache. */
      signer?: string;
      /** Why it is of use on this machine only, as a phrase; absent when other machines can have it. */
      bound?: string;
      /** Absolute paths in the output directory. */
      files: string[];
      /** Milliseconds this target took in this build. */
      duration: number;
      /** Milliseconds that compiling it took when it was compiled. */
      compileDuration: number;
      /** When it was compiled, in milliseconds since the epoch. */
      compiledAt: number;
      /** What the firmware is known by; absent when its inputs changed while it was compiled. */
      fingerprint?: string;
    })
  | (OfTarget & {
      type: 'target-failed';
      /** `wrong-board`: it was compiled, and the firmware is not for ZMK. */
      reason: Exclude<CompileFailure['reason'], 'cancelled'> | 'worker';
      message: string;
      exitCode?: number;
      lastLines: string[];
      logFile?: string;
      /** What is wrong, when the compiler's output says it. */
      diagnosis?: Diagnosis;
      duration: number;
    })
  | (OfTarget & { type: 'target-cancelled' })
  /** Something that does not stop the build, said once: the cache cannot be used, an artifact was skipped. */
  | (At & {
      type: 'warning';
      message: string;
      /** The target that it is about, when it is about its firmware. */
      target?: string;
      /** Why the cache cannot be used, when that is what the warning says. The cache's own warnings contain it, too. */
      cacheReason?: string;
    })
  /** `--dry-run`: what would happen to the target. */
  | (OfTarget & {
      type: 'target-planned';
      plan: 'cache' | 'remote' | 'compile';
      /** Why it would be compiled, one sentence each; empty when it is in a cache. */
      why: string[];
      /** When what is in the cache was compiled, in milliseconds since the epoch. */
      compiledAt?: number;
    })
  /** `--watch`: something was saved. `changes` says what, one sentence each; `targets` names what is built because of it. */
  | (At & { type: 'watch-changed'; changes: string[]; targets: string[] })
  /** `--watch`: nothing can be built as things are, such as with a broken build.yaml. The next change tries again. */
  | (At & { type: 'watch-problem'; message: string })
  /** `--watch`: nothing is left to do until the next change. Of all targets `ready` are built and `failed` are not. */
  | (At & { type: 'watch-waiting'; ready: number; failed: number })
  | (At & {
      type: 'build-finished';
      compiled: number;
      /** From the cache, those waited for and those from the remote cache included. */
      cached: number;
      /** From the remote cache. */
      remote: number;
      failed: number;
      cancelled: number;
      /** With `--verify`: targets that came out otherwise when they were compiled from nothing. */
      different?: number;
      /** Milliseconds, from start to end. */
      duration: number;
      /** Milliseconds by which it was done sooner because of the cache. */
      saved: number;
      outputDirectory: string;
      /** What the remote cache did for this build; absent when it was not asked. */
      remoteCache?: RemoteUse;
    });

/** What a remote cache did for a build. */
export interface RemoteUse {
  url: string;
  /** Targets that came from it, and those that it was asked for and did not have. */
  hits: number;
  misses: number;
  /** Targets that it was told of, and those that it could not be told of. */
  stored: number;
  notStored: number;
  /** Records and files that were not believed. */
  refused: number;
}

/** An event without the time it happens at. */
export type EventBody = BuildEvent extends infer Event
  ? Event extends BuildEvent
    ? Omit<Event, 'at'>
    : never
  : never;

export type BuildListener = (event: BuildEvent) => void;
