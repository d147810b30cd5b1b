// Worker group: the processes of one peer, from their start to the final check.
import { type ChildProcess, fork, spawn } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { DataSet } from './data-set.ts';
import { checkHistories } from './history.ts';
import type { DriverReply, DriverRequest, DriverRun, Reply } from './messages.ts';
import type { LoadedPeer, Peer } from './peer.ts';
import { fromJson, toJson } from './program.ts';
import { writerOf } from './request-sequence.ts';
import type { Topology } from './topology.ts';
import { isHot, type Workload } from './workload.ts';

/** A peer returned a wrong value, failed or hung. The benchmark has no results. */
export class BenchmarkFailure extends Error {
  override name = 'BenchmarkFailure';
}

/** A peer's process crashed, as failing native code does. */
export class PeerCrash extends BenchmarkFailure {
  override name = 'PeerCrash';
  readonly why: string;

  constructor(title: string, why: string) {
    super(`${title}: ${why}`);
    this.why = why;
  }
}

/**
 * The stored versions of all keys of a data set, passed from one worker group to the next; undefined before the fill.
 */
export interface StoreState {
  versions: Int32Array | undefined;
}

// Maximum time beyond the requested duration. Filling takes longest.
const TIMEOUT_MS = 60_000;
const FILL_TIMEOUT_MS = 600_000;
// Number of keys verified after a run.
const SAMPLES = 64;
const SAMPLE_BYTES = 16 * 1024 * 1024;

export class WorkerGroup {
  readonly peer: LoadedPeer;
  readonly #directory: string;
  readonly #processes: number;
  readonly #threadsEach: number;
  readonly #driversEach: number;
  #started: Driver[] = [];
  #joined: Driver[] = [];
  // Drivers that have the store open.
  #drivers: Driver[] = [];
  #data: DataSet | undefined;
  #state: StoreState = { versions: undefined };

  /**
   * @param directory directory for the peer's files, with one subdirectory per data set; created here
   * @param shape the maximum number of processes, and threads in each
   */
  constructor(peer: LoadedPeer, directory: string, { processes, threads }: Topology) {
    this.peer = peer;
    this.#directory = directory;
    this.#processes = processes;
    // For a peer that is a program, processes take the place of threads.
    this.#driversEach = peer.peer.program ? threads : 1;
    this.#threadsEach = peer.peer.program ? 1 : threads;
  }

  /** Starts the processes and their threads. */
  start(): void {
    const make = () => Driver.of(this.peer, this.#threadsEach);
    this.#started = Array.from({ length: this.#processes * this.#driversEach }, make);
  }

  /** Uses a reader process that serves other peers too, and outlives this worker group. Not for programs. */
  async join(reader: Driver): Promise<void> {
    reader.title = this.peer.peer.title;
    await reader.ask({ type: 'load', url: this.peer.url });
    this.#joined = [reader];
  }

  /** Opens a store in all threads of so many processes. When it resolves, all keys are stored. */
  async open(
    workload: Workload,
    data: DataSet,
    state: StoreState,
    processes = this.#processes,
  ): Promise<void> {
    this.#data = data;
    this.#state = state;
    this.#drivers = [...this.#joined, ...this.#started].slice(0, processes * this.#driversEach);
    const directory = join(this.#directory, data.name);
    await mkdir(directory, { recursive: true });
    const { versions } = state;
    const request: DriverRequest = {
      type: 'open',
      directory,
      data: { workload: workload.name, keys: data.keys, absent: data.absent },
      versions,
    };
    // The first process creates the files.
    await this.#drivers[0]!.ask(request);
    if (!versions) state.versions = (await this.#drivers[0]!.ask({ type: 'fill' }, FILL_TIMEOUT_MS)).versions;
    const others = this.#drivers.slice(1).map(driver => driver.ask({ ...request, versions: state.versions }));
    await Promise.all(others);
  }

  /**
   * Runs a workload in all threads with an open store at once.
   * @param seed 0 for the warm-up, which first reads the keys that are to be hot
   * @param id suffix for the key of a stampede
   */
  async run(workload: Workload, milliseconds: number, seed: number, id = ''): Promise<DriverRun[]> {
    const each = this.#threadsEach;
    const threads = this.#drivers.length * each;
    const isAlone = this.#drivers.length === 1;
    const before = this.#state.versions!;
    const { keys, absent } = this.#data!;
    const writes = workload.gets < 1;
    const readsAll = seed === 0 && isHot(workload);
    await Promise.all(
      this.#drivers.map((driver, index) => {
        const thread = index * each;
        const who = { thread, threads, threadsEach: each };
        const run = { workload: workload.name, keys, absent, ...who, milliseconds, seed, readsAll, id };
        // Large arrays are sent only when they may have changed.
        const versions = writes && !isAlone ? before : undefined;
        return driver.ask({ type: 'prepare', run, versions });
      }),
    );
    const replies = await Promise.all(
      this.#drivers.map(driver => driver.ask({ type: 'run' }, TIMEOUT_MS + milliseconds)),
    );
    const after = before.slice();
    if (writes) {
      for (let key = 0; key < keys; key++) {
        const owner = Math.floor(writerOf(key, threads) / each);
        after[key] = replies[owner]!.versions![key]!;
      }
    }
    this.#state.versions = after;
    const runs = replies.map(reply => reply.run!);
    this.#checkHistories(runs, before);
    const length = Math.min(SAMPLES, keys, Math.ceil(SAMPLE_BYTES / this.#data!.size));
    const sample = Array.from({ length }, (_, index) => (seed * 31 + index * 61) % keys);
    await this.#drivers
      .at(-1)!
      .ask({ type: 'verify', keys: sample, versions: writes && !isAlone ? after : undefined });
    return runs;
  }

  /** Reads these keys in the first process and checks every byte. */
  async verify(keys: number[]): Promise<void> {
    await this.#drivers[0]!.ask({ type: 'verify', keys, versions: undefined });
  }

  /** Closes the store and keeps its files. */
  async close(): Promise<void> {
    // Sequentially, because the last one to close may clean up.
    for (const driver of this.#drivers) await driver.ask({ type: 'close' });
  }

  /** Ends the processes. */
  async stop(): Promise<void> {
    await Promise.all(this.#started.map(driver => driver.stop()));
  }

  #checkHistories(runs: readonly DriverRun[], before: Int32Array): void {
    const histories = runs.flatMap(run => run.threads.flatMap(thread => thread.history ?? []));
    try {
      checkHistories(histories, before, this.peer.peer.crossProcessStaleness ?? 0);
    } catch (error) {
      throw new BenchmarkFailure(`${this.peer.peer.title}: ${(error as Error).message}`);
    }
  }
}

/** Compile cache shared by all processes and threads. Not used where start-up is measured. */
export const COMPILED = fileURLToPath(new URL('../node_modules/.cache/compiled', import.meta.url));

// When the benchmark is interrupted, its processes are killed first: they would write to files that are being removed.
const children = new Set<ChildProcess>();
process.prependListener('exit', () => {
  for (const child of children) child.kill('SIGKILL');
});

/** Handle for one driver process. Takes one request at a time. */
export class Driver {
  /** Title of the peer that it works for. */
  title: string;
  readonly #child: ChildProcess;
  readonly #send: (request: DriverRequest) => void;
  readonly #ended: Promise<void>;
  #settle: ((reply: Reply<DriverReply>) => void) | undefined;

  private constructor(title: string, child: ChildProcess, send: (request: DriverRequest) => void) {
    this.title = title;
    this.#child = child;
    this.#send = send;
    children.add(child);
    this.#ended = new Promise(resolve => {
      const end = (why: string): void => {
        children.delete(child);
        this.#settle?.({ ok: false, failure: why });
        resolve();
      };
      child.once('exit', (code, signal) =>
        end(
          `Its process ended in the middle of its work, ${signal ? `by ${signal}` : `with exit code ${code}`}.`,
        ),
      );
      child.once('error', error => end(error.message));
    });
  }

  /** Starts a process of a peer with so many worker threads, or its program. */
  static of({ url, peer }: LoadedPeer, threads: number): Driver {
    return peer.program
      ? Driver.#run(peer.title, peer.program)
      : Driver.#fork(peer.title, 'driver.ts', [url, String(threads)]);
  }

  /** Starts a process that reads back the values that peers stored; see {@link WorkerGroup.join}. */
  static reader(): Driver {
    return Driver.#fork('', 'programs/reader.ts', []);
  }

  static #run(title: string, { command, args }: NonNullable<Peer['program']>): Driver {
    const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'] });
    child.stdin.on('error', () => undefined);
    const driver = new Driver(title, child, request => child.stdin.write(`${toJson(request)}\n`));
    createInterface(child.stdout).on('line', line => driver.#settle?.(fromJson(line)));
    return driver;
  }

  static #fork(title: string, module: string, args: string[]): Driver {
    const child = fork(fileURLToPath(new URL(module, import.meta.url)), args, {
      serialization: 'advanced',
      execArgv: ['--disable-warning=ExperimentalWarning'],
      env: { NODE_COMPILE_CACHE: COMPILED, ...process.env },
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    const driver = new Driver(title, child, request => child.send(request));
    child.on('message', message => driver.#settle?.(message as Reply<DriverReply>));
    return driver;
  }

  get hasEnded(): boolean {
    return !children.has(this.#child);
  }

  /**
   * Rejects with {@link PeerCrash} when the process ends, or with {@link BenchmarkFailure} when it fails or exceeds
   * `timeoutMs`.
   */
  ask(request: DriverRequest, timeoutMs = TIMEOUT_MS): Promise<DriverReply> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(
        () => this.#settle!({ ok: false, failure: `It did not answer within ${timeoutMs / 1000} s.` }),
        timeoutMs,
      );
      this.#settle = reply => {
        clearTimeout(timer);
        this.#settle = undefined;
        if (reply.ok) resolve(reply.result);
        else if (this.hasEnded) reject(new PeerCrash(this.title, reply.failure));
        else reject(new BenchmarkFailure(`${this.title}: ${reply.failure}`));
      };
      this.#send(request);
    });
  }

  async stop(): Promise<void> {
    if (this.#child.connected) this.#child.disconnect();
    this.#child.stdin?.end();
    // After a failure it may hang.
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), 2000);
    await this.#ended;
    clearTimeout(timer);
  }
}
