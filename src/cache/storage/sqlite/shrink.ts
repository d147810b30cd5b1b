// Shrinking: returns unused disk space of a database, in steps that are short enough to be taken between writes.
//
// Pages of removed entries stay in the file for later ones. A step moves the last pages of the file into such places
// and truncates the file behind them: 128 pages, 1 to 2 ms, during which the lock is held. The file itself becomes
// smaller when the log has been emptied.
import type { Database } from 'better-sqlite3';
import type { Statements } from './statements.ts';
import type { Usage } from './usage.ts';

const STEP_PAGES = 128;
// Free space that stays for the next entries: a share of the file, and a minimum.
const KEPT_SHARE = 1 / 8;
const KEPT_BYTES = 256 * 1024;
// A database of an older version can only be rewritten as a whole, which takes 0.1 to 0.2 s for this size.
const LARGEST_REWRITE = 16 * 1024 * 1024;

/** Whether enough space is free to be worth returning. `all`: whether any is. */
export function isShrinkable(usage: Usage, all = false): boolean {
  const free = usage.free();
  if (!usage.canShrink && usage.total() - free > LARGEST_REWRITE) return false;
  return free > (all ? 0 : Math.max(KEPT_BYTES, usage.total() * KEPT_SHARE));
}

/** Takes one step, for the thread that holds the write lock. Returns whether there is another one. */
export function shrink(database: Database, sql: Statements, usage: Usage): boolean {
  if (usage.canShrink) moveFreePages(database, sql);
  else rewrite(database, sql);
  return usage.free() > 0;
}

function moveFreePages(database: Database, sql: Statements): void {
  database
    .transaction(() => {
      database.exec(`PRAGMA incremental_vacuum(${STEP_PAGES})`);
      sql.setLeastPages.run(sql.pageCount.get()!);
    })
    .immediate();
}

// From now on it can be shrunk in steps. Its new number of pages is not known before.
function rewrite(database: Database, sql: Statements): void {
  sql.setLeastPages.run(1);
  database.exec('PRAGMA auto_vacuum = INCREMENTAL; VACUUM');
}
