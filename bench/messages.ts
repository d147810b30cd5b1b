// What the benchmark, the processes of a peer and their worker threads say to each other.
import type { MessagePort } from 'node:worker_threads';
import type { HistogramData } from './histogram.ts';
import type { HistoryData } from './history.ts';
import type { LoopDelay } from './loop-delay.ts';

/** What the benchmark asks a process of a peer for; each request gets one {@link Reply}. */
export type DriverRequest =
  /** Loads another peer; only for a process that reads back what several peers stored. */
  | { type: 'load'; url: string }
  /** Opens the store of a data set in each of the process's threads. */
  | { type: 'open'; directory: string; data: DataRequest; versions: Int32Array | undefined }
  /** Stores the first version of every key; in one process only. */
  | { type: 'fill' }
  /** Draws the operations of a run, so that all threads are ready to begin at once; and reads what is to be hot. */
  | { type: 'prepare'; run: RunRequest; versions: Int32Array | undefined }
  /** Does the run that was prepared. */
  | { type: 'run' }
  /** Reads these keys, and looks at every byte. */
  | { type: 'verify'; keys: number[]; versions: Int32Array | undefined }
  /** Closes the store; the threads stay. */
  | { type: 'close' };

/** What the main thread of a process asks its worker threads for. */
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
  /** The name of one workload with this data. */
  workload: string;
  /** How many keys there are, and how many are absent, where that is not what the workload says. */
  keys: number;
  absent: number;
}

/** One thread's, or one process's, part in one run. */
export interface RunRequest {
  workload: string;
  /** How many keys there are, and how many are absent. */
  keys: number;
  absent: number;
  /** The number of the thread, or of the first one of the process. */
  thread: number;
  /** Of all processes together. */
  threads: number;
  /** Of each process. */
  threadsEach: number;
  milliseconds: number;
  seed: number;
  /** Whether each thread reads every key first: what is hot has been read before. */
  readsAll: boolean;
  /** For the name of a stampede's key, which may not be there before. */
  id: string;
}

/** What one thread did in one run. */
export interface RunReply {
  misses: number;
  /** Milliseconds on the clock that all threads and processes share, see clock.ts. */
  started: number;
  ended: number;
  /** By kind of operation. */
  histograms: HistogramData[];
  history: HistoryData | undefined;
  stampede: StampedePart | undefined;
}

/** What one thread saw of a stampede. */
export interface StampedePart {
  /** When this thread's producer had made the value, on the shared clock; undefined when it was not asked to. */
  produced: number | undefined;
  /** When the thread had the value. */
  done: number;
  /** Which thread made the value that it got. */
  maker: number;
}

/** What one process did in one run. */
export interface DriverRun {
  threads: RunReply[];
  /** Of the process's main thread; undefined where there is no event loop. */
  loopDelay: LoopDelay | undefined;
  /** The most memory of the process during the run, in bytes (resident set size); undefined where nobody tells. */
  memory: number | undefined;
}

export interface DriverReply {
  run?: DriverRun;
  /** The versions of all keys, when they were filled or a run was done. */
  versions?: Int32Array;
}

/** `failure` is what went wrong; a benchmark that has one has no results. */
export type Reply<T> = { ok: true; result: T } | { ok: false; failure: string };
