// External commits: follows the commits of other processes, and invalidates copies of the entries that they changed.
// ownership.ts describes what the processes record.
//
//   data_version moved on? ──no──► nothing was committed but over this connection
//        │yes
//        ▼
//   owner ── this process, and the run that was seen ──► only this process's threads committed, and bumped the versions
//        ├── shared, and the run that was seen ──► the records in the change log since: bump the versions of those keys
//        └── anything else, or records are missing ──► bump all
import type { Database } from 'better-sqlite3';
import { NONE } from '../../shared/seen-commits.ts';
import type { SharedMemory } from '../../shared/shared-memory.ts';
import { type ChangeLog, NOWHERE } from './change-log.ts';
import { ownerOf, SHARED } from './ownership.ts';
import { type Prepared, preparing } from './statements.ts';

export class ExternalCommits {
  readonly #shared: SharedMemory;
  readonly #writer: string;
  readonly #dataVersion: Prepared<[], number>;
  readonly #owner: Prepared<[], [writer: string, run: number]>;
  readonly #log: ChangeLog;
  #version: number | undefined;
  #run = NONE;

  /** `writer` is this process's name. */
  constructor(database: Database, shared: SharedMemory, writer: string, log: ChangeLog) {
    const { column, list } = preparing(database);
    this.#shared = shared;
    this.#writer = writer;
    this.#dataVersion = column('PRAGMA data_version');
    this.#owner = list('SELECT writer, run FROM owner');
    this.#log = log;
  }

  /**
   * Invalidates copies of entries that other processes changed. Returns a number that changes with every commit of
   * another connection.
   */
  follow(): number {
    const version = this.#dataVersion.get()!;
    if (version === this.#version) return version;
    const { seen, versions } = this.#shared;
    // A commit between this statement and the next ones advances the version, and is followed the next time.
    const [writer, run] = ownerOf(this.#owner.get());
    // The log may be another one since. Each thread has it open by itself.
    if (run !== this.#run) this.#log.close();
    this.#run = run;
    if (run !== seen.run) {
      // Before the copies are dropped: what is recorded later is followed later.
      const { position } = writer === SHARED ? this.#log.read(NOWHERE) : { position: NOWHERE };
      versions.bump('all');
      // A process that takes itself for the only one records nothing: each of its commits may have changed any entry.
      seen.set(writer === this.#writer || writer === SHARED ? run : NONE, position);
    } else if (writer === SHARED) {
      const { hashes, position } = this.#log.read(seen.position);
      versions.bump(hashes);
      seen.position = position;
    }
    this.#version = version;
    return version;
  }

  /** The store was just opened. Copies from an earlier opening may be of anything. */
  begin(): void {
    this.#shared.seen.set(NONE, NOWHERE);
    this.follow();
  }
}
