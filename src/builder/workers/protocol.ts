// Protocol between a build and its compile threads.
import type { MessagePort } from 'node:worker_threads';
import type { UserConfig } from '../../config/user-config.ts';
import type { CompileEvent, DescribedTarget, ServiceOptions } from '../incremental/index.ts';
import type { Target } from '../matrix/target.ts';
import type { ToolchainDescription } from '../toolchains/index.ts';

/** Task of a compile thread, which answers with a `CompileResult`. */
export interface CompileTask {
  toolchain: ToolchainDescription;
  /** Absolute. */
  configDirectory: string;
  userConfig: UserConfig;
  /** Take precedence over the configuration. Plain data. */
  cacheOptions: ServiceOptions;
  target: Target;
  /** The description made when the cache was read. Default: the target is described when it is compiled. */
  described?: DescribedTarget | undefined;
  /** Directory for the artifacts; empty. */
  directory: string;
  /** Build directory for the compiler; empty. */
  buildDirectory: string;
  logFile: string;
  /** See `CompileJob.incremental`. */
  incremental?: boolean | undefined;
  /** Whether it is compiled from scratch, and nothing stored: to be compared. */
  isTrial?: boolean | undefined;
  /** How many processes the compiler itself may run at once. */
  jobs: number;
  /** See `RunOptions.traceparentOf`. */
  traceparent?: string | undefined;
  /** Carries {@link ToWorker} one way and {@link FromWorker} the other. */
  port: MessagePort;
}

export type ToWorker =
  /** Stop: end the compiler's processes, clean up and answer. */
  | { type: 'cancel' }
  /** Answers `configured`: compile the objects, with so many processes. */
  | { type: 'make'; jobs: number };

export type FromWorker =
  | { type: 'event'; thread: number; event: CompileEvent }
  /** See `CompileJob.onConfigured`. Waits for `make`. */
  | { type: 'configured' }
  /** A process group of the compiler, so that it can be killed even if its thread no longer can. */
  | { type: 'process'; event: 'started' | 'ended'; processGroup: number };
