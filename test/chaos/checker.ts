// Checker of a chaos run. From the logs of all threads, while they still grow, it proves that the cache kept its
// promises, or finds where it did not.
import { CROSS_PROCESS_STALENESS_MS } from '../../src/cache/cache.ts';
import { complete, completeRead, effectOf, keysOfCall, productOf, readsFromMemory } from './effects.ts';
import { FaultLog } from './fault-log.ts';
import { Keys } from './keys.ts';
import type { Claim, Production } from './lease-history.ts';
import type { CacheCall, CallResult, Line } from './log-lines.ts';
import type { Operation } from './register.ts';
import { isWrite } from './state.ts';
import type { Violation } from './violation.ts';

// The error of a clock reading, added to CROSS_PROCESS_STALENESS_MS.
const MEASURING_SLACK_MS = 2;
const STALENESS_MS = CROSS_PROCESS_STALENESS_MS + MEASURING_SLACK_MS;
// Judging lags behind the input, so that the earliest possible place of every read is still to come.
const LAG_MS = 2 * STALENESS_MS;
// A write sent by a terminated thread may wait in its process for this long: the cache's timeout, plus stops.
const ORPHAN_MS = 60_000;
// Nothing may take longer: an operation's own timeout is 30 s, and a lock is stale after 10 s.
const ANSWER_MS = 45_000;

/** One call that has not ended. */
interface Running {
  writer: string;
  process: string;
  id: number;
  call: number;
  ask: CacheCall;
  /** One for each key. */
  operations: { key: string; operation: Operation }[];
  production?: Production;
  claim?: Claim;
}

type Problem = { kind: string; subject: string; message: string };

/** Figures of a run. */
export interface Totals {
  operations: number;
  acknowledged: number;
  produced: number;
  terminated: number;
  /** How often a key had too many possible explanations to follow, and was started over. */
  undecided: number;
}

export class Checker {
  readonly violations: Violation[] = [];
  readonly #onViolation: (violation: Violation) => void;
  readonly #faultLog = new FaultLog();
  readonly #keys = new Keys(this.#faultLog, (...found) => this.report(...found));
  readonly #running = new Map<string, Map<number, Running>>();
  /** Calls of ended threads, whose process may still carry out what they sent. */
  #orphans: { running: Running; until: number }[] = [];
  // Acknowledged products that wait to be judged: each returns true once it was.
  #products: ((horizon: number) => boolean)[] = [];
  #to = Number.NEGATIVE_INFINITY;
  readonly #totals = { operations: 0, acknowledged: 0, produced: 0, terminated: 0 };

  /** `onViolation` receives each violation at once. */
  constructor(onViolation: (violation: Violation) => void = () => undefined) {
    this.#onViolation = onViolation;
  }

  get totals(): Totals {
    return { ...this.#totals, undecided: this.#keys.undecided };
  }

  /** The next line of a thread's log. `writer` is the process and the thread: `2.7/main`. */
  line(writer: string, line: Line): void {
    if ('ask' in line) this.#ask(writer, line.id, line.t, line.ask);
    else if ('answer' in line) this.#answer(writer, line.id, line.t, line.answer);
    else if ('error' in line) this.#rejected(writer, line.id, line.t, line.error);
    else if ('producing' in line) this.#producing(writer, line.id, line.t);
    else if ('produced' in line) this.#produced(writer, line.id, line.t, line.produced);
    else if ('warning' in line) this.report('warning', writer, line.warning);
    else if ('ending' in line) this.#faultLog.ending(line.ending, line.t);
    else this.#threadEnded(line.ended, line.t);
  }

  /** The process is about to be stopped. */
  stopped(process: string, t: number): void {
    this.#faultLog.stopped(process, t);
  }

  /** The process resumes. */
  continued(process: string, t: number): void {
    this.#faultLog.continued(process, t);
  }

  /** The process is about to be killed. */
  killing(process: string, t: number): void {
    this.#faultLog.ending(process, t);
  }

  /** The process is dead, and all its lines have been passed in. */
  ended(process: string, t: number): void {
    this.#faultLog.continued(process, t);
    this.#faultLog.ending(process, t);
    for (const [writer, calls] of this.#running) {
      if (processOf(writer) !== process) continue;
      for (const running of calls.values()) this.#abandon(running, t);
      this.#running.delete(writer);
    }
    for (const { running } of this.#orphans) if (running.process === process) this.#abandon(running, t);
    this.#orphans = this.#orphans.filter(({ running }) => running.process !== process);
  }

  /** All lines that were written before this time have been passed in. */
  advance(to: number): void {
    this.#to = to;
    for (const { running, until } of this.#orphans) if (until < to) this.#abandon(running, until);
    this.#orphans = this.#orphans.filter(({ until }) => until >= to);
    const horizon = to - LAG_MS;
    this.#products = this.#products.filter(settle => !settle(horizon));
    this.#keys.advance(horizon);
    if (to === Number.POSITIVE_INFINITY) return;
    for (const calls of this.#running.values()) {
      for (const running of calls.values()) this.#assertAnswered(running, to);
    }
    this.#faultLog.forget(to - 2 * ORPHAN_MS);
  }

  /** The run is over and every process has ended: judges the rest. */
  finish(): void {
    this.advance(Number.POSITIVE_INFINITY);
  }

  /** Adds a violation, including one that was found elsewhere. */
  report(kind: Violation['kind'], subject: string, message: string, history: string[] = []): void {
    const violation = { kind, subject, message, history };
    this.violations.push(violation);
    this.#onViolation(violation);
  }

  #ask(writer: string, id: number, t: number, ask: CacheCall): void {
    this.#totals.operations++;
    // The call came after its line, and the line after the input so far: it cannot have been earlier.
    const call = Math.max(t, this.#to);
    const running: Running = { writer, process: processOf(writer), id, call, ask, operations: [] };
    if (!this.#running.has(writer)) this.#running.set(writer, new Map());
    this.#running.get(writer)!.set(id, running);
    if (ask.op === 'getOrSet' && ask.wait !== undefined) {
      running.claim = this.#keys.of(ask.tag, ask.key).leases.claim(call + ask.wait - MEASURING_SLACK_MS);
    }
    const fate = ask.op === 'setMany' ? this.#batch(running) : undefined;
    for (const key of keysOfCall(ask)) {
      const { register, known } = this.#keys.of(ask.tag, key);
      if ('value' in ask) known.add(ask.value);
      const operation = operationOf(running, call, effectOf(ask));
      if (fate) operation.onFate = happened => fate(key, happened);
      if (readsFromMemory(ask)) operation.start = call - STALENESS_MS;
      running.operations.push({ key, operation });
      register.begin(operation);
    }
  }

  #answer(writer: string, id: number, t: number, answer: CallResult): void {
    const running = this.#take(writer, id);
    if (!running) return;
    this.#totals.acknowledged++;
    const { ask, production, claim } = running;
    if (claim) claim.end = t;
    if (ask.op === 'check') this.#assertIntact(running, answer as { problems: Problem[] });
    if (ask.op === 'stats') this.#assertStats(running, answer as { size: number; count: number });
    for (const { key, operation } of running.operations) {
      operation.end = t;
      if (production) {
        this.#finishProduct(running, production, operation, answer);
        continue;
      }
      const { isUseless, found } = complete(ask, key, operation, answer);
      if (found) this.report(found.kind, `${ask.tag} ${key}`, found.message);
      const { register } = this.#keys.of(ask.tag, key);
      if (isUseless) register.drop(operation);
      else register.finish(operation);
    }
  }

  #rejected(writer: string, id: number, t: number, error: string): void {
    const running = this.#take(writer, id);
    if (!running) return;
    this.report('error', writer, `${JSON.stringify(running.ask)} was rejected: ${error}`);
    this.#abandon(running, t);
  }

  #producing(writer: string, id: number, t: number): void {
    const running = this.#running.get(writer)?.get(id);
    if (running?.ask.op !== 'getOrSet') return;
    this.#totals.produced++;
    const { process, call, ask, operations } = running;
    const { register, leases } = this.#keys.of(ask.tag, ask.key);
    running.production = {
      id: `${writer}#${id}`,
      process,
      thread: writer,
      call,
      start: t,
      end: undefined,
    };
    leases.begin(running.production);
    // At some time between the call and now there was no entry.
    for (const { operation } of operations) {
      completeRead(ask, operation, null);
      operation.end = t;
      register.finish(operation);
    }
    running.operations = [];
  }

  #produced(writer: string, id: number, t: number, succeeded: boolean): void {
    const running = this.#running.get(writer)?.get(id);
    if (running?.production) running.production.end = t;
    if (running?.ask.op !== 'getOrSet' || !succeeded) return;
    const { ask } = running;
    const operation = operationOf(running, Math.max(t, this.#to), { type: 'product', ...productOf(ask) });
    running.operations = [{ key: ask.key, operation }];
    this.#keys.of(ask.tag, ask.key).register.begin(operation);
  }

  // Its producer ran, so the product was stored, unless the lease was taken over; that is known once everything up to
  // the answer is.
  #finishProduct({ ask }: Running, production: Production, operation: Operation, answer: CallResult): void {
    if (ask.op !== 'getOrSet') return;
    const { register, leases } = this.#keys.of(ask.tag, ask.key);
    if (answer !== ask.value) {
      const message = `getOrSet ${operation.id} produced ${ask.value} and gave ${String(answer)}`;
      this.report('unwritten-value', `${ask.tag} ${ask.key}`, message);
    }
    this.#products.push(horizon => {
      if (operation.end! >= horizon) return false;
      operation.optional = !leases.isUndisturbed(production, operation.end!);
      register.finish(operation);
      return true;
    });
  }

  // The call has no answer and will get none: its write may have taken effect, until `t`.
  #abandon(running: Running, t: number): void {
    this.#relinquish(running, t);
    for (const { key, operation } of running.operations) {
      const { register } = this.#keys.of(running.ask.tag, key);
      if (!isWrite(operation.effect)) {
        register.drop(operation);
        continue;
      }
      operation.optional = true;
      operation.end = Math.max(t, operation.call);
      register.finish(operation);
    }
  }

  // Its producer has ended, and it takes no lease.
  #relinquish({ production, claim }: Running, t: number): void {
    if (production) production.end ??= t;
    if (claim) claim.end ??= t;
  }

  #threadEnded(writer: string, t: number): void {
    this.#totals.terminated++;
    for (const running of this.#running.get(writer)?.values() ?? []) {
      this.#relinquish(running, t);
      this.#orphans.push({ running, until: t + ORPHAN_MS });
    }
    this.#running.delete(writer);
  }

  // A batch is stored as a whole or not at all, even without an answer.
  #batch({ writer, id, ask }: Running): (key: string, happened: boolean) => void {
    const fates = new Map<string, boolean>();
    return (key, happened) => {
      fates.set(key, happened);
      if (new Set(fates.values()).size < 2) return;
      const parts = [...fates].map(([part, did]) => `${part} ${did ? 'was' : 'was not'} stored`);
      this.report('half-batch', ask.tag, `of ${writer}#${id} ${JSON.stringify(ask)}: ${parts.join(', ')}`);
    };
  }

  #assertIntact({ writer, ask }: Running, { problems }: { problems: Problem[] }): void {
    for (const { kind, subject, message } of problems) {
      // Leftovers of a killed process.
      if (kind === 'orphaned-blob' || kind === 'leftover-file') continue;
      this.report('damage', `${ask.tag} ${subject}`, `check() in ${writer} found ${kind}: ${message}`);
    }
  }

  #assertStats({ writer, ask }: Running, { size, count }: { size: number; count: number }): void {
    if (size >= 0 && count >= 0 && (count > 0 || size === 0)) return;
    this.report('damage', ask.tag, `stats() in ${writer} gave ${size} bytes in ${count} entries`);
  }

  #assertAnswered({ writer, process, call, ask, id }: Running, to: number): void {
    if (to - call - this.#faultLog.stoppedFor(process, call, to) < ANSWER_MS) return;
    this.report('no-answer', writer, `${JSON.stringify(ask)} has waited for ${Math.round(to - call)} ms`);
    const running = this.#take(writer, id);
    if (running) this.#orphans.push({ running, until: Number.POSITIVE_INFINITY });
  }

  #take(writer: string, id: number): Running | undefined {
    const running = this.#running.get(writer)?.get(id);
    this.#running.get(writer)?.delete(id);
    return running;
  }
}

function operationOf(
  { writer, process, id, ask }: Running,
  call: number,
  effect: Operation['effect'],
): Operation {
  return {
    id: `${writer}#${id}`,
    process,
    thread: writer,
    call,
    start: call,
    end: undefined,
    effect,
    optional: false,
    ordered: isWrite(effect) && ask.op !== 'getOrSet',
  };
}

function processOf(writer: string): string {
  return writer.slice(0, writer.indexOf('/'));
}
