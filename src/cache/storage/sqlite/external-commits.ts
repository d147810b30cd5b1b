// External commits: follows the commits of other processes, and invalidates copies of the entries that they changed.
// ownership.ts describes what the processes record.
//
//   data_version moved on? ──no──► nothing was committed but over this connection
//        │yes
//        ▼
//   owner ── this process, and the run that was seen ──► only this process's threads committed, and bumped the versions
//        ├── shared, and the run that was seen ──► the rows of `changes` since: bump the versions of those keys
//        └── anything else, or rows are missing ──► bump all
import type { Database } from 'better-sqlite3';
import { NONE } from '../../shared/seen-commits.ts';
import type { SharedMemory } from '../../shared/shared-memory.ts';
import { ownerOf, SHARED } from './ownership.ts';
import { type Prepared, preparing } from './statements.ts';

type ChangeRow = [sequence: number, writer: string, hashes: Buffer | null];

export class ExternalCommits {
  readonly #shared: SharedMemory;
  readonly #writer: string;
  readonly #dataVersion: Prepared<[], number>;
  readonly #owner: Prepared<[], [writer: string, run: number]>;
  readonly #latest: Prepared<[], number>;
  readonly #changes: Prepared<[number], ChangeRow>;
  #version: number | undefined;

  /** `writer` is this process's name. */
  constructor(database: Database, shared: SharedMemory, writer: string) {
    const { column, list } = preparing(database);
    this.#shared = shared;
    this.#writer = writer;
    this.#dataVersion = column('PRAGMA data_version');
    this.#owner = list('SELECT writer, run FROM owner');
    this.#latest = column('SELECT coalesce(max(seq), 0) FROM changes');
    this.#changes = list('SELECT seq, writer, hashes FROM changes WHERE seq >= ? ORDER BY seq');
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
    if (run !== seen.run) {
      const latest = this.#latest.get()!;
      versions.bump('all');
      // A process that takes itself for the only one records nothing: each of its commits may have changed any entry.
      seen.set(writer === this.#writer || writer === SHARED ? run : NONE, latest);
    } else if (writer === SHARED) this.#followChanges();
    this.#version = version;
    return version;
  }

  /** The store was just opened. Copies from an earlier opening may be of anything. */
  begin(): void {
    this.#shared.seen.set(NONE, 0);
    this.follow();
  }

  #followChanges(): void {
    const { seen, versions } = this.#shared;
    const from = seen.sequence;
    const rows = this.#changes.all(from);
    // If the last followed row is still there, or nothing was followed and the first row is there, then none is
    // missing.
    const isComplete = rows.length === 0 ? from === 0 : rows[0]![0] === Math.max(from, 1);
    if (!isComplete) versions.bump('all');
    for (const [sequence, writer, hashes] of rows) {
      if (!isComplete || sequence === from || writer === this.#writer) continue;
      versions.bump(Buffer.isBuffer(hashes) ? hashesOf(hashes) : 'all');
    }
    seen.sequence = rows.at(-1)?.[0] ?? 0;
  }
}

// A copy, because an Int32Array needs aligned bytes.
function hashesOf(bytes: Buffer): Int32Array {
  return new Int32Array(new Uint8Array(bytes.subarray(0, bytes.length & ~3)).buffer);
}
