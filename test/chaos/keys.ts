// The state of every key while a run is checked.
import { classify } from './classify.ts';
import type { FaultLog } from './fault-log.ts';
import { LeaseHistory } from './lease-history.ts';
import { Register } from './register.ts';
import { isEvicting } from './schedule.ts';
import type { Violation } from './violation.ts';

/** One key of one cache. */
export interface KeyHistory {
  register: Register;
  leases: LeaseHistory;
  /** Values that clients asked to store, the latest ones. */
  known: Set<string>;
}

// A value followed by so many newer ones is not expected to be read.
const KNOWN_VALUES = 10_000;

export class Keys {
  readonly #faultLog: FaultLog;
  readonly #report: (kind: Violation['kind'], subject: string, message: string, history?: string[]) => void;
  readonly #all = new Map<string, KeyHistory>();

  constructor(
    faultLog: FaultLog,
    report: (kind: Violation['kind'], subject: string, message: string, history?: string[]) => void,
  ) {
    this.#faultLog = faultLog;
    this.#report = report;
  }

  of(tag: string, key: string): KeyHistory {
    const name = `${tag} ${key}`;
    let found = this.#all.get(name);
    if (!found) {
      found = this.#make(tag, name);
      this.#all.set(name, found);
    }
    return found;
  }

  #make(tag: string, name: string): KeyHistory {
    const known = new Set<string>();
    const register = new Register(isEvicting(tag), (operation, states, history) => {
      const { kind, message } = classify(operation, states, known);
      this.#report(kind, name, message, history);
    });
    const leases = new LeaseHistory(this.#faultLog, (earlier, later) => {
      const message = `${later.id} began to produce at ${later.start}, asked at ${later.call}, while ${earlier.id} was producing, since ${earlier.start}, until ${earlier.end ?? '…'}`;
      this.#report('two-producers', name, message);
    });
    return { register, leases: leases, known };
  }

  /** Judges everything up to a time. */
  advance(horizon: number): void {
    for (const { register, leases, known } of this.#all.values()) {
      leases.advance(horizon);
      register.advance(horizon);
      for (const value of known) {
        if (known.size <= KNOWN_VALUES) break;
        known.delete(value);
      }
    }
  }

  /** How often a key had too many possible explanations to follow. */
  get undecided(): number {
    let sum = 0;
    for (const { register } of this.#all.values()) sum += register.undecided;
    return sum;
  }
}
