// Every message between the build and the threads that compile for it.
import type { MessagePort } from 'node:worker_threads';
import type { UserConfig } from '../../config/user-config.ts';
import type { CompileEvent, DescribedTarget, ServiceOptions } from '../incremental/index.ts';
import type { Target } from '../matrix/target.ts';
import type { ToolchainDescription } from '../toolchains/index.ts';

/** What a compile thread is given. It answers with a `CompileResult`. */
export interface CompileTask {
  toolchain: ToolchainDescription;
  /** Absolute. */
  configDirectory: string;
  userConfig: UserConfig;
  /** Go before the configuration. Plain data. */
  cacheOptions: ServiceOptions;
  target: Target;
  /** What was found out about it when the cache was asked. Default: it is described when it is compiled. */
  described?: DescribedTarget | undefined;
  /** Empty, for the artifacts. */
  directory: string;
  /** Empty, for the compiler. */
  buildDirectory: string;
  logFile: string;
  /** See `CompileJob.incremental`. */
  incremental?: boolean | undefined;
  /** Whether it is compiled from nothing, and nothing stored: to be compared. */
  isTrial?: boolean | undefined;
  /** How many processes the compiler itself may run at once. */
  jobs: number;
  /** See `RunOptions.traceparentOf`. */
  traceparent?: string | undefined;
  /** Carries {@link ToWorker} one way and {@link FromWorker} the other. */
  port: MessagePort;
}

/** Stop: end the compiler's processes, clean up and answer. */
export interface ToWorker {
  type: 'cancel';
}

export type FromWorker =
  | { type: 'event'; thread: number; event: CompileEvent }
  /** A process group of the compiler, so that it can be ended even when its thread cannot do it any more. */
  | { type: 'process'; event: 'started' | 'ended'; processGroup: number };
