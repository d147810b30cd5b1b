// Events of a build, as one union. The build emits them and renderers draw them; nothing else prints.

import type { Diagnosis } from './diagnosis/diagnosis.ts';
import type { CompileFailure } from './incremental/result.ts';
import type { Target } from './matrix/target.ts';
import type { MemoryUse } from './output/memory-use.ts';
import type { BuildPath, CcacheStatistics } from './toolchains/toolchain.ts';

/** Time of the event, in milliseconds since the epoch. */
interface At {
  at: number;
}

interface OfTarget extends At {
  /** The target's artifact name, which is unique in a build. */
  target: string;
}

/** Outcome of a build. The counts add up to the number of targets, except in a dry run, where they are 0. */
export interface BuildSummary {
  /** Including those that agents compiled. */
  compiled: number;
  /** Compiled by agents. */
  agents: number;
  /** From the cache, including targets compiled by another process meanwhile and those from the remote cache. */
  cached: number;
  /** From the remote cache. */
  remote: number;
  failed: number;
  cancelled: number;
  /** With `verify`: targets whose artifacts differ from those of a pristine build. */
  different?: number;
  /** Milliseconds, from start to end. */
  duration: number;
  /** Milliseconds that the cache saved: waiting time, not a sum over targets. */
  saved: number;
  /** Absolute. */
  outputDirectory: string;
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
      /** This process, so that another build that waits for it can name it. */
      pid: number;
    })
  /** The inputs are being hashed, and the cache is being read. */
  | (OfTarget & { type: 'target-checking' })
  /** The cache has nothing usable; `why` names the inputs that changed, one sentence each. */
  | (OfTarget & { type: 'target-missed'; why: string[] })
  /** Another thread or process is compiling the same target from the same inputs. */
  | (OfTarget & { type: 'target-waiting'; thread: number; pid: number })
  /** In the queue, for an agent or this machine to take. `why`: an agent had begun it. */
  | (OfTarget & { type: 'target-queued'; why?: string })
  /** An agent prepares itself to compile it: it fetches the inputs, or makes a workspace first. */
  | (OfTarget & { type: 'target-preparing'; agent: string; text: string })
  | (OfTarget & {
      type: 'target-compiling';
      /** 0 on another machine. */
      thread: number;
      jobs: number;
      logFile: string;
      /** The agent that compiles it; absent on this machine. */
      agent?: string;
    })
  /** How it is compiled: pristine, or with objects of the target's last build. */
  | (OfTarget & { type: 'target-path'; path: BuildPath })
  /** `--verify`, or idle time of `--watch`: it was compared with a pristine build; `different` lists the artifacts that differ. */
  | (OfTarget & { type: 'target-verified'; different: string[] })
  /** It is configured, and waits while `behind` compiles objects that it can take from ccache then. */
  | (OfTarget & { type: 'target-held'; behind: string })
  /** The wait is over: its objects are compiled, by so many processes. */
  | (OfTarget & { type: 'target-resumed'; jobs: number })
  | (OfTarget & { type: 'target-output'; line: string })
  | (OfTarget & {
      type: 'target-finished';
      /**
       * `compiled`: here. `cache`: by an earlier build. `waited`: by another process during this build. `remote`: by
       * another machine. `agent`: compiled by an agent for this build, or for another one at the same time.
       */
      source: 'compiled' | 'cache' | 'waited' | 'remote' | 'agent';
      /** The agent that compiled it. */
      agent?: string;
      /** The signer of a firmware from the remote cache. */
      signer?: string;
      /** Why only this machine can use it, as a phrase; absent if other machines can. */
      bound?: string;
      /** Absolute paths in the output directory. */
      files: string[];
      /** Bytes of the file that is copied to the keyboard; absent if none of the files is firmware. */
      size?: number;
      /** Flash and RAM that the firmware uses, also if it is from a cache; absent if its linker did not report them. */
      memory?: MemoryUse;
      /** Milliseconds this target took in this build. */
      duration: number;
      /** Milliseconds that compiling it took when it was compiled. */
      compileDuration: number;
      /** Time of the compile, in milliseconds since the epoch. */
      compiledAt: number;
      /** The fingerprint of the firmware; absent if inputs changed during the compile. */
      fingerprint?: string;
      /** What ccache did; absent if it was not used, or does not say. */
      ccache?: CcacheStatistics;
    })
  | (OfTarget & {
      type: 'target-failed';
      /** `wrong-board`: it compiled, but the firmware is not for ZMK. */
      reason: Exclude<CompileFailure['reason'], 'cancelled'> | 'worker';
      message: string;
      exitCode?: number;
      lastLines: string[];
      logFile?: string;
      /** The agent on which it failed; absent on this machine. */
      agent?: string;
      /** The cause, if the compiler's output reveals it. */
      diagnosis?: Diagnosis;
      duration: number;
    })
  | (OfTarget & { type: 'target-cancelled' })
  /** A problem that does not stop the build, reported once: an unusable cache, a skipped artifact. */
  | (At & {
      type: 'warning';
      message: string;
      /** The target, if the warning is about its firmware. */
      target?: string;
      /** Why the cache cannot be used, if the warning is about that. The cache's own warnings contain it, too. */
      cacheReason?: string;
    })
  /** `--dry-run`: what would happen to the target. */
  | (OfTarget & {
      type: 'target-planned';
      plan: 'cache' | 'remote' | 'compile';
      /** Why it would be compiled, one sentence each; empty if it is in a cache. */
      why: string[];
      /** Time of the cached compile, in milliseconds since the epoch. */
      compiledAt?: number;
    })
  /**
   * `--watch`: a file changed. `changes` lists the changes, one sentence each; `targets` names the targets to build
   * again.
   */
  | (At & { type: 'watch-changed'; changes: string[]; targets: string[] })
  /** `--watch`: nothing can be built, for example because build.yaml is broken. The next change tries again. */
  | (At & { type: 'watch-problem'; message: string })
  /** `--watch`: nothing to do until the next change. Of all targets, `ready` are built and `failed` are not. */
  | (At & { type: 'watch-waiting'; ready: number; failed: number })
  | (At &
      BuildSummary & {
        type: 'build-finished';
        /** This build's use of the remote cache; absent if it was not asked. */
        remoteCache?: RemoteUse;
      });

/** A build's use of a remote cache. */
export interface RemoteUse {
  url: string;
  /** Targets found in it, and targets that it did not have. */
  hits: number;
  misses: number;
  /** Targets uploaded to it, and targets whose upload failed. */
  stored: number;
  notStored: number;
  /** Records and files that failed verification. */
  refused: number;
}

/** An event without its time. */
export type EventBody = BuildEvent extends infer Event
  ? Event extends BuildEvent
    ? Omit<Event, 'at'>
    : never
  : never;

export type BuildListener = (event: BuildEvent) => void;
