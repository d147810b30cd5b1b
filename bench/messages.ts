// Messages between the benchmark, the driver processes and their worker threads.
import type { MessagePort } from 'node:worker_threads';
import type { HistogramData } from './histogram.ts';
import type { HistoryData } from './history.ts';
import type { LoopDelay } from './loop-delay.ts';

/** Requests to a driver process; each gets one {@link Reply}. */
export type DriverRequest =
  /** Loads another peer. Only for a process that reads back the stores of several peers. */
  | { type: 'load'; url: string }
  /** Opens the store of a data set in each of the process's threads. */
  | { type: 'open'; directory: string; data: DataRequest; versions: Int32Array | undefined }
  /** Stores the first version of every key. In one process only. */
  | { type: 'fill' }
  /** Draws the request sequence of a run, so that all threads can begin at once, and reads keys that are to be hot. */
  | { type: 'prepare'; run: RunRequest; versions: Int32Array | undefined }
  /** Executes the prepared run. */
  | { type: 'run' }
  /** Reads these keys and checks every byte. */
  | { type: 'verify'; keys: number[]; versions: Int32Array | undefined }
  /** Closes the store; the threads stay. */
  | { type: 'close' };

/** Requests of a driver's main thread to its worker threads. */
export type ThreadRequest =
  | {
      type: 'open';
      directory: string;
      data: DataRequest;
      oracle: SharedArrayBuffer;
      port: MessagePort | undefined;
    }
  | { type: 'fill' }
  | { type: 'prepare'; run: RunRequest }
  | { type: 'run' }
  | { type: 'verify'; keys: number[] }
  | { type: 'close' };

export interface DataRequest {
  /** Name of a workload with this data. */
  workload: string;
  /** Number of keys, and of absent ones, which may differ from the workload's. */
  keys: number;
  absent: number;
}

/** The part of one thread or process in a run. */
export interface RunRequest {
  workload: string;
  /** Number of keys, and of absent ones. */
  keys: number;
  absent: number;
  /** Number of this thread, or of the process's first thread. */
  thread: number;
  /** Number of threads in all processes. */
  threads: number;
  /** Number of threads in each process. */
  threadsEach: number;
  milliseconds: number;
  seed: number;
  /** Whether each thread reads every key first, to make it hot. */
  readsAll: boolean;
  /** Makes the key of a stampede unique. */
  id: string;
}

/** The result of one thread in one run. */
export interface RunReply {
  misses: number;
  /** Milliseconds on the shared clock; see clock.ts. */
  started: number;
  ended: number;
  /** By kind of operation. */
  histograms: HistogramData[];
  history: HistoryData | undefined;
  stampede: StampedePart | undefined;
}

/** The part of one thread in a stampede. */
export interface StampedePart {
  /** Shared time when this thread's producer had made the value; undefined when it was not called. */
  produced: number | undefined;
  /** Shared time when the thread received the value. */
  done: number;
  /** The thread that made the received value. */
  maker: number;
}

/** The result of one process in one run. */
export interface DriverRun {
  threads: RunReply[];
  /** Delay of the process's main thread; undefined without an event loop. */
  loopDelay: LoopDelay | undefined;
  /** Peak resident memory of the process during the run, in bytes; undefined when unknown. */
  memory: number | undefined;
}

export interface DriverReply {
  run?: DriverRun;
  /** The versions of all keys, after a fill or a run. */
  versions?: Int32Array;
}

/** A failure ends the benchmark without results. */
export type Reply<T> = { ok: true; result: T } | { ok: false; failure: string };
