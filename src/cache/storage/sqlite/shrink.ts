// Gives disk space back that a database does not use any more, in steps that are short enough to be taken between writes.
//
// Pages of removed entries stay in the file for the next ones. A step moves the last pages of the file into such places
// and cuts the file off behind them: 128 pages, 1 to 2 ms, of which writers see a lock that is held for so long. The file
// itself becomes smaller when the log has been emptied.
import type { Database } from 'better-sqlite3';
import type { Statements } from './statements.ts';
import type { Usage } from './usage.ts';

const STEP_PAGES = 128;
// What the next entries will need anyway is left to them: of the file, and at least.
const KEPT_SHARE = 1 / 8;
const KEPT_BYTES = 256 * 1024;
// A database of an older version can only be written anew as a whole, which for this much takes 0.1 to 0.2 s.
const LARGEST_REWRITE = 16 * 1024 * 1024;

/** Whether there is so much free space that it is worth giving back. `all`: whether there is any. */
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

// From now on it can be made smaller in steps. How many pages it will have is not known before.
function rewrite(database: Database, sql: Statements): void {
  sql.setLeastPages.run(1);
  database.exec('PRAGMA auto_vacuum = INCREMENTAL; VACUUM');
}
