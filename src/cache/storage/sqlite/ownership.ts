// Whether this process is the only one that has a store open, and how the others learn what it changes when it is not.
// Runs inside the store's transactions.
//
// One row, `owner`, says who may write without telling anybody: its `writer` is a process, or '' when several have the
// store open. `run` counts up whenever `writer` changes. A process writes itself into `participants` in the transaction
// that opens the store, and removes itself when it closes it.
//
//   P alone:  owner = (P, 7). A plain write is one statement, which carries the condition that the owner is P.
//
//   Q opens:  one transaction: participants += Q; owner = ('', 8).
//             P's next plain write changes nothing, and becomes a transaction that finds the owner shared.
//             What P committed before, Q has seen, as it had no copies yet. What P commits after, P notes.
//
//   shared:   every transaction adds a row to `changes`: the hashes of the keys that it changed. Each process drops its
//             copies of those keys. One that finds another `run`, or rows missing, drops all.
//
//   Q ends:   it has left `participants`, or is found to be dead: once a second a process that writes looks. In the
//             transaction of that write: participants -= Q; owner = (P, 9). From here on nothing is noted.
//
// Killed in one of these moments, a process leaves the state before or the state after its transaction, both of which
// are in this picture. What can go wrong is that a process is not in `participants` though it has the store open: it
// could not write itself there, or was taken for dead. P writes as if it were alone then, and Q sees an owner that is
// another process and drops all its copies whenever anything was committed. Its next write makes the store shared again.
import { currentProcess, isDead } from '../../../system/process-identity.ts';
import { performance } from '../../../system/time.ts';
import { DamagedDatabaseError } from './open.ts';
import type { Statements } from './statements.ts';

/** Nobody's name: several processes have the store open. */
export const SHARED = '';

const CHECK_INTERVAL_MS = 1000;
// Rows of `changes` that are kept, and how many more there may be.
const KEPT_CHANGES = 1024;
const CHANGES_SLACK = 256;
// Keys of one transaction that are noted each for itself; of more it is noted that all may have changed.
const MAX_HASHES = 256;

/** The owner that a row says; throws when a damaged page holds something else. */
export function ownerOf(row: [writer: string, run: number] | undefined): [writer: string, run: number] {
  if (row === undefined || typeof row[0] !== 'string' || !Number.isSafeInteger(row[1])) {
    throw new DamagedDatabaseError('The database has lost its owner.');
  }
  return row;
}

export class Ownership {
  readonly #sql: Statements;
  readonly #writer: string;
  #checkAt = 0;
  /** Whether the store was shared in the latest transaction: then a plain write would change nothing. */
  isShared = false;

  /** `writer` is this process's name. */
  constructor(sql: Statements, writer: string) {
    this.#sql = sql;
    this.#writer = writer;
  }

  /** The process opens the store. */
  join(): void {
    this.#addSelf();
    if (this.#removeDead() === 0) this.#become(this.#writer);
    else this.#share();
  }

  /** The process closes the store. */
  leave(): void {
    this.#sql.removeParticipant.run(this.#writer);
  }

  /** A transaction begins. Returns whether what it changes is to be noted. */
  enter(): boolean {
    const [owner] = ownerOf(this.#sql.owner.get());
    if (owner === this.#writer) this.isShared = false;
    else if (owner !== SHARED) {
      // Another process that believes it is alone.
      this.#addSelf();
      this.#share();
    } else {
      this.isShared = true;
      const now = performance.now();
      if (now >= this.#checkAt) {
        this.#checkAt = now + CHECK_INTERVAL_MS;
        this.#addSelf();
        if (this.#removeDead() === 0) this.#become(this.#writer);
      }
    }
    return this.isShared;
  }

  /** Before the commit of a transaction that is to be noted. */
  note(changed: readonly number[] | 'all'): void {
    const isAll = changed === 'all' || changed.length > MAX_HASHES;
    const hashes = isAll ? null : Buffer.from(Int32Array.from(changed).buffer);
    const sequence = Number(this.#sql.addChange.run(this.#writer, hashes).lastInsertRowid);
    if (sequence % CHANGES_SLACK === 0) this.#sql.removeChanges.run(sequence - KEPT_CHANGES);
  }

  #addSelf(): void {
    const { pid, host, started } = currentProcess();
    this.#sql.addParticipant.run(this.#writer, pid, host, started);
  }

  // How many others are left.
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

  #share(): void {
    if (ownerOf(this.#sql.owner.get())[0] !== SHARED) this.#become(SHARED);
    this.isShared = true;
  }

  #become(writer: string): void {
    this.#sql.setOwner.run(writer);
    this.isShared = writer === SHARED;
  }
}
