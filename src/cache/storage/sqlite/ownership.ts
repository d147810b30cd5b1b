// Ownership of a store: whether this process alone has it open, and how the other processes learn of its changes
// otherwise. Runs inside the store's transactions.
//
// One row, `owner`, names the process that may write without recording its changes: `writer` is a process, or '' when
// several have the store open. `run` counts up whenever `writer` changes. A process adds itself to `participants` in
// the transaction that opens the store, and removes itself when it closes it.
//
//   P alone:  owner = (P, 7). A plain write is one statement, which carries the condition that the run is 7.
//
//   Q opens:  one transaction: participants += Q; owner = ('', 8).
//             P's next plain write changes nothing, and becomes a transaction that finds the owner shared.
//             What P committed before, Q has seen, as it had no copies yet. What P commits after, P records.
//
//   shared:   every transaction records the hashes of the keys that it changes, see change-log.ts; a plain write does so
//             in its one statement, in run 8. Each process drops its copies of those keys. A transaction that changes
//             too many keys, or all, begins another run. One that finds another run drops all copies.
//
//   Q ends:   it has left `participants`, or is found to be dead: once a second a process that writes looks. In the
//             transaction of that write: participants -= Q; owner = (P, 9). From here on nothing is noted.
//
// A process that is killed at one of these moments leaves the state before or after its transaction, both of which are
// in this picture. One case remains: a process has the store open and is not in `participants`, because it could not
// write there, or was taken for dead. P then writes as if it were alone, and Q sees that another process is the owner
// and drops all its copies after every commit. Q's next write makes the store shared again.
import { currentProcess, isDead } from '../../../system/process-identity.ts';
import { performance } from '../../../system/time.ts';
import { type ChangeLog, MAX_HASHES } from './change-log.ts';
import { DamagedDatabaseError } from './open.ts';
import type { GuardedWrites, Statements } from './statements.ts';

/** Writer of a store that several processes have open. */
export const SHARED = '';

const CHECK_INTERVAL_MS = 1000;
/** The owner in the row; throws when a damaged page holds something else. */
export function ownerOf(row: [writer: string, run: number] | undefined): [writer: string, run: number] {
  if (row === undefined || typeof row[0] !== 'string' || !Number.isSafeInteger(row[1])) {
    throw new DamagedDatabaseError('The database has no valid owner.');
  }
  return row;
}

export class Ownership {
  readonly #sql: Statements;
  readonly #writer: string;
  readonly #log: ChangeLog;
  #checkAt = 0;
  /** The run of the latest transaction. */
  run = 0;
  /** Whether the store was shared then. */
  isShared = false;

  /** `writer` is this process's name. */
  constructor(sql: Statements, writer: string, log: ChangeLog) {
    this.#sql = sql;
    this.#writer = writer;
    this.#log = log;
  }

  /** The statements for plain writes in this run. Undefined when a transaction is due. */
  get plainWrites(): GuardedWrites | undefined {
    if (!this.isShared) return this.#sql.alone;
    return this.#log.isOpen && performance.now() < this.#checkAt ? this.#sql.shared : undefined;
  }

  /** Whether the database says now that this process alone has it open. */
  get isSole(): boolean {
    return ownerOf(this.#sql.owner.get())[0] === this.#writer;
  }

  /** Called when the process opens the store. */
  join(): void {
    this.#addSelf();
    if (this.#removeDead() === 0) {
      this.#become(this.#writer);
      return;
    }
    this.#log.open();
    this.#become(SHARED);
  }

  /** Called when the process closes the store. */
  leave(): void {
    this.#sql.removeParticipant.run(this.#writer);
  }

  /** Begins a transaction. Returns whether its changes have to be recorded. */
  enter(): boolean {
    const [owner, run] = ownerOf(this.#sql.owner.get());
    // The log may be another one since.
    if (run !== this.run) this.#log.close();
    this.run = run;
    this.isShared = owner !== this.#writer;
    if (!this.isShared) return false;
    const now = performance.now();
    if (owner !== SHARED) {
      // Another process believes that it is alone.
      this.#addSelf();
      this.#become(SHARED);
    } else if (now >= this.#checkAt) {
      this.#checkAt = now + CHECK_INTERVAL_MS;
      this.#addSelf();
      if (this.#removeDead() === 0) this.#become(this.#writer);
    }
    // No reader knows of a log that was not there.
    if (this.isShared && this.#log.open()) this.#become(SHARED);
    return this.isShared;
  }

  /** Records the changes, before the commit of a transaction for which {@link enter} returned true. */
  note(changed: readonly number[] | 'all'): void {
    if (changed === 'all' || changed.length > MAX_HASHES || !this.#log.note(changed)) this.#become(SHARED);
  }

  #addSelf(): void {
    const { pid, host, started } = currentProcess();
    this.#sql.addParticipant.run(this.#writer, pid, host, started);
  }

  // Returns the number of other participants that remain.
  #removeDead(): number {
    let others = 0;
    for (const [name, pid, host, started] of this.#sql.participants.all()) {
      if (name === this.#writer) continue;
      const isSensible = Number.isSafeInteger(pid) && pid > 0 && typeof host === 'string';
      if (!isSensible || isDead({ pid, host, started })) this.#sql.removeParticipant.run(name);
      else others++;
    }
    return others;
  }

  #become(writer: string): void {
    this.#sql.setOwner.run(writer);
    this.run++;
    this.isShared = writer === SHARED;
  }
}
