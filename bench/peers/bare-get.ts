// Lower bound of a read from SQLite: one prepared `get` on the thread's own connection, without decoding.
import { join } from 'node:path';
import Sqlite from 'better-sqlite3';
import type { Peer } from '../peer.ts';
import { openSqliteTable, sqliteVersions } from '../sqlite-table.ts';

export const peer: Peer = {
  title: 'bare prepared get',
  setup: 'the floor of reads: a prepared get on a read-only connection per thread, nothing decoded; WAL',
  versions: sqliteVersions,
  lacks: ({ gets, type, data }) =>
    gets < 1 || type === 'stampede' || data.kind !== 'bytes' ? 'only reads, and only bytes' : undefined,

  open(directory, { kind }) {
    const file = join(directory, 'entries.db');
    const table = openSqliteTable(file, kind);
    const reader = new Sqlite(file, { readonly: true });
    const get = reader.prepare<[string], Buffer>('SELECT value FROM entries WHERE key = ?').pluck();
    return {
      ...table,
      get: key => get.get(key),
      close: () => {
        reader.close();
        table.close();
      },
    };
  },
};
