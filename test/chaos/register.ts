// Whether what happened to one key can be explained: is there an order of the operations, each somewhere between its
// call and its answer, in which every answer is right?
//
//   time ──►   A: set x  ├────────┤
//              B: get = x     ├───────┤          A, B        explained
//              C: get = -           ├──────┤     nothing     a lost write
//
// All explanations are followed at once (Lowe's just-in-time linearization): a configuration is what the key may hold
// and which running operations have taken effect already. An answer removes the configurations that cannot give it;
// when none is left, something that was promised did not hold. Settled history is forgotten on the way.
import {
  ABSENT,
  type Effect,
  isWithoutEffect,
  isWrite,
  type State,
  stateKey,
  step,
  UNKNOWN,
} from './state.ts';

export interface Operation {
  /** The thread, and the number of its call. */
  id: string;
  process: string;
  thread: string;
  call: number;
  /** The earliest time of its effect: the call, or earlier for a read that may be stale by so much. */
  start: number;
  /**
   * The time of its answer or, without an answer, the time from which it cannot take effect. Undefined: still running.
   */
  end: number | undefined;
  effect: Effect;
  /** It may never have happened: it has no acknowledgement. */
  optional: boolean;
  /** Whether the order of the thread's calls is the order of their effects. */
  ordered: boolean;
  /** Called, once it is certain, with whether an optional operation took effect. */
  onFate?: (happened: boolean) => void;
}

interface Configuration {
  state: State;
  /** Running operations that have taken effect. */
  done: ReadonlySet<Operation>;
  /** Ended optional operations that have taken effect, as long as that can still be found out. */
  fates: ReadonlySet<Operation>;
}

interface Event {
  t: number;
  operation: Operation;
}

// More explanations than this are not followed: the key starts over with an unknown state.
const MAX_CONFIGURATIONS = 4000;
const HISTORY = 24;

export class Register {
  readonly #evicts: boolean;
  readonly #onViolation: (operation: Operation, states: State[], history: string[]) => void;
  readonly #numbers = new Map<Operation, number>();
  #counter = 0;
  // Running operations that are not processed yet, and all that are queued.
  #unfinished = new Set<Operation>();
  #starts: Event[] = [];
  #ends: Event[] = [];
  #running = new Set<Operation>();
  #fates = new Set<Operation>();
  #configurations: Configuration[] = [{ state: ABSENT, done: new Set(), fates: new Set() }];
  #recent: Operation[] = [];
  /** How often there were too many explanations to follow. */
  undecided = 0;

  /** `evicts`: entries may be evicted. */
  constructor(
    evicts: boolean,
    onViolation: (operation: Operation, states: State[], history: string[]) => void,
  ) {
    this.#evicts = evicts;
    this.#onViolation = onViolation;
  }

  /** An operation was called. It is processed when its end is known: set `end` and the rest, then {@link finish}. */
  begin(operation: Operation): void {
    this.#unfinished.add(operation);
    if (operation.end !== undefined) this.finish(operation);
  }

  /** The operation has its `end`, `effect` and the rest. */
  finish(operation: Operation): void {
    this.#unfinished.delete(operation);
    this.#starts.push({ t: operation.start, operation });
    this.#ends.push({ t: operation.end!, operation });
  }

  /** The operation had no effect and no answer. */
  drop(operation: Operation): void {
    this.#unfinished.delete(operation);
  }

  /** Judges everything up to a time, or as far as all answers are known. */
  advance(to: number): void {
    let horizon = to;
    for (const { start } of this.#unfinished) horizon = Math.min(horizon, start);
    for (const event of this.#starts) {
      if (event.t < horizon && event.operation.start < event.operation.call) this.#narrow(event);
    }
    const due = ({ t }: Event) => t < horizon;
    const starts = this.#starts.filter(due).sort((a, b) => a.t - b.t);
    const ends = this.#ends.filter(due).sort((a, b) => a.t - b.t);
    if (starts.length > 0) this.#starts = this.#starts.filter(event => !due(event));
    if (ends.length > 0) this.#ends = this.#ends.filter(event => !due(event));
    let next = 0;
    for (const { t, operation } of ends) {
      for (; next < starts.length && starts[next]!.t <= t; next++) this.#start(starts[next]!.operation);
      this.#end(operation);
    }
    for (; next < starts.length; next++) this.#start(starts[next]!.operation);
  }

  // A read that may be stale is placed after everything that its process knew before the call: it cannot be older than
  // that.
  #narrow(event: Event): void {
    for (const { operation: other } of this.#ends) {
      if (precedes(other, event.operation)) event.t = Math.max(event.t, other.start);
    }
    // For the reads that follow it in turn.
    event.operation.start = event.t;
  }

  #start(operation: Operation): void {
    this.#numbers.set(operation, this.#counter++);
    const isWriting = isWrite(operation.effect);
    if (operation.effect.type === 'passed') {
      if ([...this.#running].some(({ effect }) => isWrite(effect))) operation.effect.excused = true;
    } else if (isWriting) {
      for (const { effect } of this.#running) if (effect.type === 'passed') effect.excused = true;
    }
    this.#running.add(operation);
    this.#configurations = this.#unique(this.#configurations.map(known => this.#absorb(known)));
  }

  #end(operation: Operation): void {
    const explained = this.#explanations(operation);
    if (explained.length === 0) {
      this.#fail(operation);
    } else {
      this.#running.delete(operation);
      const tracked = operation.optional && operation.onFate !== undefined;
      if (tracked) this.#fates.add(operation);
      this.#configurations = this.#unique(
        explained.map(({ state, done, fates }) => ({
          state,
          done: without(done, operation),
          fates: tracked && done.has(operation) ? new Set([...fates, operation]) : fates,
        })),
      );
    }
    this.#numbers.delete(operation);
    this.#recent.push(operation);
    if (this.#recent.length > HISTORY) this.#recent.shift();
    this.#settleFates();
    if (this.#configurations.length > MAX_CONFIGURATIONS) {
      this.undecided++;
      this.#restart();
    }
  }

  // Every way in which the operation has taken effect by now and, if it is optional, has not.
  #explanations(target: Operation): Configuration[] {
    const found: Configuration[] = target.optional ? [...this.#configurations] : [];
    const seen = new Set<string>();
    const open = [...this.#configurations];
    for (let known = open.pop(); known; known = open.pop()) {
      if (known.done.has(target)) {
        found.push(known);
        continue;
      }
      for (const operation of this.#running) {
        if (known.done.has(operation) || !this.#isTurnOf(operation, known)) continue;
        const at = { call: operation.call, end: operation.end! };
        for (const state of step(known.state, operation.effect, at, this.#evicts)) {
          const next = this.#absorb({ ...known, state, done: new Set([...known.done, operation]) });
          const key = this.#key(next);
          if (seen.has(key)) continue;
          seen.add(key);
          open.push(next);
        }
        if (seen.size > 4 * MAX_CONFIGURATIONS) break;
      }
      if (seen.size > 4 * MAX_CONFIGURATIONS) {
        this.undecided++;
        this.#restart();
        return this.#configurations;
      }
    }
    return found;
  }

  // An operation without effect can as well have happened at once: that leaves fewer cases.
  #absorb(known: Configuration): Configuration {
    let done: Set<Operation> | undefined;
    for (let isNew = true; isNew; ) {
      isNew = false;
      for (const operation of this.#running) {
        const sofar = done ?? known.done;
        if (operation.optional || sofar.has(operation)) continue;
        if (!this.#isTurnOf(operation, { ...known, done: sofar })) continue;
        const at = { call: operation.call, end: operation.end! };
        if (!isWithoutEffect(operation.effect)) continue;
        const states = step(known.state, operation.effect, at, this.#evicts);
        if (states.length !== 1 || stateKey(states[0]!) !== stateKey(known.state)) continue;
        done = new Set([...sofar, operation]);
        isNew = isWrite(operation.effect);
      }
    }
    return done ? { ...known, done } : known;
  }

  /** Whether everything that must precede the operation has taken effect. */
  #isTurnOf(operation: Operation, { done }: Configuration): boolean {
    for (const other of this.#running) {
      if (other === operation || done.has(other) || other.process !== operation.process) continue;
      if (precedes(other, operation)) return false;
      const areOrdered = operation.ordered && other.ordered && other.thread === operation.thread;
      if (areOrdered && other.call < operation.call) return false;
    }
    return true;
  }

  #fail(operation: Operation): void {
    const states = new Map(this.#configurations.map(({ state }) => [stateKey(state), state]));
    const running = [...this.#running].filter(other => other !== operation);
    const history = [...this.#recent, ...running.filter(other => !this.#recent.includes(other)), operation]
      .sort((a, b) => a.call - b.call)
      .map(other => `${other === operation ? '>' : ' '} ${describeOperation(other)}`);
    this.#running.delete(operation);
    this.#restart();
    this.#onViolation(operation, [...states.values()], history);
  }

  // Any value may be there, and any of the running operations may have happened.
  #restart(): void {
    this.#fates.clear();
    this.#configurations = [{ state: UNKNOWN, done: new Set(), fates: new Set() }];
    for (const operation of [...this.#running].slice(0, 8)) {
      this.#configurations.push(
        ...this.#configurations.map(known => ({ ...known, done: new Set([...known.done, operation]) })),
      );
    }
  }

  #settleFates(): void {
    for (const operation of this.#fates) {
      const happened = this.#configurations.filter(({ fates }) => fates.has(operation)).length;
      const { effect } = operation;
      const canTell =
        'value' in effect && this.#configurations.some(({ state }) => state.value === effect.value);
      const isCertain = happened === 0 || happened === this.#configurations.length;
      if (!isCertain && canTell) continue;
      if (isCertain) operation.onFate?.(happened > 0);
      this.#fates.delete(operation);
      this.#configurations = this.#unique(
        this.#configurations.map(known => ({ ...known, fates: without(known.fates, operation) })),
      );
    }
  }

  #key({ state, done, fates }: Configuration): string {
    const numbers = (operations: ReadonlySet<Operation>) =>
      [...operations].map(operation => this.#numbers.get(operation) ?? operation.id).sort();
    return `${stateKey(state)} ${numbers(done)} ${fates.size === 0 ? '' : [...fates].map(({ id }) => id).sort()}`;
  }

  #unique(configurations: Configuration[]): Configuration[] {
    if (configurations.length < 2) return configurations;
    return [...new Map(configurations.map(known => [this.#key(known), known])).values()];
  }
}

/** Read your own writes, and the ones that any thread of the process was told of; a thread never reads backwards. */
function precedes(other: Operation, operation: Operation): boolean {
  if (other.process !== operation.process || other.end! >= operation.call || other.optional) return false;
  return isWrite(other.effect) || other.thread === operation.thread;
}

function without(operations: ReadonlySet<Operation>, operation: Operation): ReadonlySet<Operation> {
  if (!operations.has(operation)) return operations;
  const left = new Set(operations);
  left.delete(operation);
  return left;
}

/** One line for a key's history. */
export function describeOperation({ id, call, end, effect, optional }: Operation): string {
  const { type, ...rest } = effect;
  const time = (t: number | undefined) => (t === undefined ? '…' : t.toFixed(3));
  return `${time(call)} – ${time(end)} ${id} ${type} ${JSON.stringify(rest)}${optional ? ' (no answer)' : ''}`;
}
