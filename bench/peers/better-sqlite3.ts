// The better-sqlite3 peer: opened in every thread, with no coordinator but SQLite's own locks and a busy timeout.
import { join } from 'node:path';
import { noFiles, type Peer } from '../peer.ts';
import { openSqliteTable, sqliteVersions } from '../sqlite-table.ts';

export const peer: Peer = {
  title: 'better-sqlite3',
  setup: 'each thread opens the file, busy timeout 30 s, records as JSON; WAL, synchronous=NORMAL',
  versions: sqliteVersions,
  lacks: noFiles,
  open: (directory, { kind }) => openSqliteTable(join(directory, 'entries.db'), kind),
};
