// The obvious way to share a store: better-sqlite3 in the main thread, and a Comlink call for every operation.
import { join } from 'node:path';
import { MessageChannel } from 'node:worker_threads';
import { expose, wrap } from 'comlink';
import nodeEndpoint from 'comlink/dist/esm/node-adapter.mjs';
import { packageVersion } from '../package-version.ts';
import { noFiles, type Peer } from '../peer.ts';
import { openSqliteTable, type SqliteTable, sqliteVersions } from '../sqlite-table.ts';

export const peer: Peer = {
  title: 'Comlink to main',
  setup: 'better-sqlite3 in the main thread, a Comlink call an operation; WAL, synchronous=NORMAL',
  versions: () => ({ ...sqliteVersions(), comlink: packageVersion('comlink') }),
  lacks: noFiles,

  serve(directory, { kind }) {
    const table = openSqliteTable(join(directory, 'entries.db'), kind);
    return {
      connect() {
        const { port1, port2 } = new MessageChannel();
        expose(table, nodeEndpoint(port1));
        return port2;
      },
      close: () => table.close(),
    };
  },

  open(_directory, _data, port) {
    if (!port) throw new Error('This peer needs a port to the main thread.');
    const table = wrap<SqliteTable>(nodeEndpoint(port));
    return {
      get: key => table.get(key),
      set: (key, value) => table.set(key, value),
      setMany: entries => table.setMany(entries),
      delete: key => table.delete(key),
      close: () => port.close(),
    };
  },
};
