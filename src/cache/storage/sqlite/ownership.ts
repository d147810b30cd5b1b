// Ownership of a store: whether this process alone has it open, and how the other processes learn of its changes
// otherwise. Runs inside the store's transactions.
//
// One row, `owner`, names the process that may write without recording its changes: `writer` is a process, or '' when
// several have the store open. `run` counts up whenever `writer` changes. A process adds itself to `participants` in
// the transaction that opens the store, and removes itself when it closes it.
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
// A process that is killed at one of these moments leaves the state before or after its transaction, both of which are
// in this picture. One case remains: a process has the store open and is not in `participants`, because it could not
// write there, or was taken for dead. P then writes as if it were alone, and Q sees that another process is the owner
// and drops all its copies after every commit. Q's next write makes the store shared again.
import { currentProcess, isDead } from '../../../system/process-identity.ts';
import { performance } from '../../../system/time.ts';
import { DamagedDatabaseError } from './open.ts';
import type { Statements } from './statements.ts';

/** Writer of a store that several processes have open. */
export const SHARED = '';

const CHECK_INTERVAL_MS = 1000;
// Rows of `changes` that are kept, and the number by which they may exceed that.
const KEPT_CHANGES = 1024;
const CHANGES_SLACK = 256;
// Most keys of one transaction that are recorded one by one; a larger transaction is recorded as having changed all.
const MAX_HASHES = 256;

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
  #checkAt = 0;
  /** Whether the store was shared in the latest transaction: then a plain write would change nothing. */
  isShared = false;

  /** `writer` is this process's name. */
  constructor(sql: Statements, writer: string) {
    this.#sql = sql;
    this.#writer = writer;
  }

  /** Called when the process opens the store. */
  join(): void {
    this.#addSelf();
    if (this.#removeDead() === 0) this.#become(this.#writer);
    else this.#share();
  }

  /** Called when the process closes the store. */
  leave(): void {
    this.#sql.removeParticipant.run(this.#writer);
  }

  /** Begins a transaction. Returns whether its changes have to be recorded. */
  enter(): boolean {
    const [owner] = ownerOf(this.#sql.owner.get());
    if (owner === this.#writer) this.isShared = false;
    else if (owner !== SHARED) {
      // Another process believes that it is alone.
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

  /** Records the changes, before the commit of a transaction for which {@link enter} returned true. */
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

  #share(): void {
    if (ownerOf(this.#sql.owner.get())[0] !== SHARED) this.#become(SHARED);
    this.isShared = true;
  }

  #become(writer: string): void {
    this.#sql.setOwner.run(writer);
    this.isShared = writer === SHARED;
  }
}
