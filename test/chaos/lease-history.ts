// Lease history of a key: whether one caller at a time produced it. It tracks who holds the lease, until when, and who
// may take it over.
import { LOCK_STALE_MS } from '../../src/cache/coordinator/locks.ts';
import type { FaultLog } from './fault-log.ts';

export interface Production {
  id: string;
  process: string;
  thread: string;
  /** When getOrSet was called, when the producer began, and when it ended (undefined: not yet). */
  call: number;
  start: number;
  end: number | undefined;
}

/** A caller that may take the lease over from some time on, until its call ends. */
export interface Claim {
  from: number;
  end: number | undefined;
}

// A lock gets heartbeats in intervals: a stop shorter than its stale time can make it stale. A lease that ended that
// long ago disturbs no caller that still runs undisturbed.
const FORGET_MS = 2 * LOCK_STALE_MS;
const STOP_THAT_LOSES_MS = LOCK_STALE_MS - 4000;

export class LeaseHistory {
  readonly #faultLog: FaultLog;
  readonly #onViolation: (earlier: Production, later: Production) => void;
  readonly #all = new Set<Production>();
  readonly #claims = new Set<Claim>();
  #unjudged: Production[] = [];

  constructor(faultLog: FaultLog, onViolation: (earlier: Production, later: Production) => void) {
    this.#faultLog = faultLog;
    this.#onViolation = onViolation;
  }

  begin(production: Production): void {
    this.#all.add(production);
    this.#unjudged.push(production);
  }

  /** A caller is waiting that may take over from `from` on. Its `end` is set later. */
  claim(from: number): Claim {
    const claim: Claim = { from, end: undefined };
    this.#claims.add(claim);
    return claim;
  }

  /**
   * Whether the product must have been stored: nothing could take the lease away before `end`, when the call was
   * answered.
   */
  isUndisturbed(production: Production, end: number): boolean {
    const { process, start } = production;
    if (this.#faultLog.stoppedFor(process, start, end) > STOP_THAT_LOSES_MS) return false;
    // A lease is taken a little before its holder logs that it produces, and also by holders that never get that far. A
    // caller that timed out while its process queued behind another one may produce without a lease.
    for (const other of this.#all) {
      // A lease that began before this one was even requested is the one that was lost.
      if (other === production || other.start <= production.call) continue;
      if (other.start <= end && (other.end ?? Infinity) >= start) return false;
    }
    for (const claim of this.#claims) {
      if (claim.from <= end && (claim.end ?? Infinity) >= start) return false;
    }
    return end - start < STOP_THAT_LOSES_MS;
  }

  /** Judges all productions that began before a time. */
  advance(to: number): void {
    const due = this.#unjudged.filter(({ start }) => start < to);
    if (due.length > 0) this.#unjudged = this.#unjudged.filter(({ start }) => start >= to);
    for (const later of due) {
      for (const earlier of this.#all) {
        const overlaps =
          earlier !== later && earlier.start <= later.start && (earlier.end ?? Infinity) > later.start;
        if (overlaps && !this.#mayTakeOver(earlier, later)) this.#onViolation(earlier, later);
      }
    }
    for (const past of [this.#all, this.#claims] as Set<Production | Claim>[]) {
      for (const one of past) if (one.end !== undefined && one.end < to - FORGET_MS) past.delete(one);
    }
  }

  #mayTakeOver(earlier: Production, later: Production): boolean {
    const ending = this.#faultLog.endingOf(earlier.process, earlier.thread);
    if (ending !== undefined && ending <= later.start) return true;
    // A caller that waited long enough took the lease, whether or not it came to produce; and a lease that was taken
    // from a producer that still runs has no lock behind it.
    for (const claim of this.#claims) {
      if (claim.from <= later.start && (claim.end ?? Infinity) >= earlier.start) return true;
    }
    return this.#faultLog.stoppedFor(earlier.process, earlier.start, later.start) > STOP_THAT_LOSES_MS;
  }
}
