// Nemesis of a chaos run: starts the processes, kills and stops them by plan, and passes their logs to the checker.
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Checker } from './checker.ts';
import { LogDirectory } from './log-directory.ts';
import { now } from './log-lines.ts';
import type { ProcessConfig } from './process.ts';
import { Random } from './random.ts';

export interface Plan {
  seed: number;
  minutes: number;
  processes: number;
  threads: number;
  /** Directory of the run: `cache`, `logs` and `scratch` are in it. */
  directory: string;
  /** Keeps the logs; otherwise each is deleted after it was read. */
  keep: boolean;
}

/** Counts of the injected faults. */
export interface FaultCounts {
  started: number;
  kills: number;
  stops: number;
  /** Stops for longer than a lock stays fresh. */
  longStops: number;
}

interface Participant {
  name: string;
  child: ChildProcess;
  logs: LogDirectory;
  isKilled: boolean;
  isStopped: boolean;
  stderr: string;
  exited: Promise<void>;
  /** The time at which its end was noticed. */
  ended: number | undefined;
}

const PROGRAM = fileURLToPath(new URL('./process.ts', import.meta.url));
const TICK_MS = 250;
// A run this long has room for stops beyond the stale time of a lock.
const LONG_STOPS_FROM_MINUTES = 0.5;
const LAST_ANSWERS_MS = 60_000;

export class Nemesis {
  readonly faults: FaultCounts = { started: 0, kills: 0, stops: 0, longStops: 0 };
  readonly #plan: Plan;
  readonly #program: string;
  readonly #checker: Checker;
  readonly #random: Random;
  readonly #participants: (Participant | undefined)[] = [];
  readonly #incarnations: number[] = [];
  readonly #all = new Set<Participant>();
  #isEnding = false;

  /** `program` takes part as {@link ProcessConfig} describes, until its input ends. */
  constructor(plan: Plan, checker: Checker, program = PROGRAM) {
    this.#plan = plan;
    this.#program = program;
    this.#checker = checker;
    this.#random = new Random(plan.seed, 'conductor');
  }

  /** Resolves when the time is up and all processes have ended. */
  async run(): Promise<void> {
    const end = now() + this.#plan.minutes * 60_000;
    for (let slot = 0; slot < this.#plan.processes; slot++) this.#start(slot);
    let isReading = true;
    const reading = (async () => {
      while (isReading) {
        await pause(TICK_MS);
        await this.#read();
      }
    })();
    await this.#disturb(end);
    this.#isEnding = true;
    await this.#comeToAnEnd();
    isReading = false;
    await reading;
    await this.#read();
  }

  // Every delay, victim and fault follows from the seed.
  async #disturb(end: number): Promise<void> {
    const random = this.#random;
    let next = now();
    for (;;) {
      const kind = random.weighted({ usual: 70, quick: 20, calm: 10 });
      next +=
        kind === 'usual'
          ? random.between(300, 1500)
          : kind === 'quick'
            ? random.between(20, 300)
            : random.between(2000, 7000);
      const victim = random.between(0, this.#plan.processes - 1);
      const deed = random.weighted({ kill: 65, stop: 28, longStop: 7 });
      const short = random.between(20, 2500);
      const long = random.between(11_000, 15_000);
      if (next >= end) break;
      await pause(Math.max(0, next - now()));
      const participant = this.#participants[victim];
      if (!participant || participant.ended !== undefined || participant.isKilled) continue;
      const isLong = deed === 'longStop' && this.#plan.minutes >= LONG_STOPS_FROM_MINUTES;
      if (deed === 'kill') this.#kill(participant);
      else if (!participant.isStopped) this.#stop(participant, isLong ? long : short, isLong);
    }
    await pause(Math.max(0, end - now()));
  }

  #start(slot: number): void {
    const incarnation = (this.#incarnations[slot] ?? -1) + 1;
    this.#incarnations[slot] = incarnation;
    const { directory, seed, threads, keep } = this.#plan;
    const name = `${slot}.${incarnation}`;
    const logs = join(directory, 'logs', name);
    const scratch = join(directory, 'scratch', name);
    mkdirSync(logs, { recursive: true });
    const part: ProcessConfig = { seed, name, threads, logs, scratch, cacheRoot: join(directory, 'cache') };
    const child = spawn(process.execPath, [this.#program, JSON.stringify(part)], {
      stdio: ['pipe', 'ignore', 'pipe'],
    });
    const participant: Participant = {
      name,
      child,
      logs: new LogDirectory(logs, name, keep),
      isKilled: false,
      isStopped: false,
      stderr: '',
      exited: new Promise(resolve => child.once('exit', () => resolve())),
      ended: undefined,
    };
    child.stdin!.on('error', () => undefined);
    child.stderr!.setEncoding('utf8').on('data', (text: string) => {
      participant.stderr = (participant.stderr + text).slice(-4000);
    });
    child.once('exit', (status, signal) => {
      participant.ended = now();
      if (!participant.isKilled && status !== 0) {
        const how = signal ?? `status ${status}`;
        this.#checker.report('crash', name, `ended with ${how}: ${participant.stderr}`);
      }
      void rm(scratch, { recursive: true, force: true });
      if (!this.#isEnding) this.#start(slot);
    });
    this.#participants[slot] = participant;
    this.#all.add(participant);
    this.faults.started++;
  }

  #kill(participant: Participant): void {
    participant.isKilled = true;
    this.faults.kills++;
    this.#checker.killing(participant.name, now());
    participant.child.kill('SIGKILL');
  }

  #stop(participant: Participant, milliseconds: number, isLong: boolean): void {
    participant.isStopped = true;
    this.faults.stops++;
    if (isLong) this.faults.longStops++;
    this.#checker.stopped(participant.name, now());
    participant.child.kill('SIGSTOP');
    setTimeout(() => this.#continue(participant), milliseconds).unref();
  }

  #continue(participant: Participant): void {
    if (!participant.isStopped || participant.ended !== undefined) return;
    participant.isStopped = false;
    participant.child.kill('SIGCONT');
    this.#checker.continued(participant.name, now());
  }

  // Every call must be answered before the end.
  async #comeToAnEnd(): Promise<void> {
    const left = [...this.#all].filter(({ ended }) => ended === undefined);
    for (const participant of left) {
      this.#continue(participant);
      participant.child.stdin!.end();
    }
    const timeout = new AbortController();
    const late = pause(LAST_ANSWERS_MS, 'late', { signal: timeout.signal }).catch(() => undefined);
    await Promise.race([Promise.all(left.map(({ exited }) => exited)), late]);
    timeout.abort();
    for (const participant of left) {
      if (participant.ended !== undefined || participant.isKilled) continue;
      const message = `did not end within ${LAST_ANSWERS_MS} ms of being asked to`;
      this.#checker.report('no-answer', participant.name, message);
      this.#kill(participant);
    }
    await Promise.all(left.map(({ exited }) => exited));
  }

  async #read(): Promise<void> {
    const started = now();
    const participants = [...this.#all];
    // Recorded before their files are read: an ended process writes no more.
    const ended = participants.filter(participant => participant.ended !== undefined);
    for (const { logs } of participants) {
      await logs.read((writer, line) => this.#checker.line(writer, line));
    }
    for (const participant of ended) {
      // Including which of its threads had ended.
      await participant.logs.read((writer, line) => this.#checker.line(writer, line));
      this.#checker.ended(participant.name, participant.ended!);
      this.#all.delete(participant);
      await participant.logs.close();
    }
    this.#checker.advance(started);
  }
}
