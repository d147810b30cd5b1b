// keyv with its SQLite adapter, opened by every thread.
import { join } from 'node:path';
import KeyvSqlite from '@keyv/sqlite';
import Keyv from 'keyv';
import { packageVersion } from '../package-version.ts';
import { noFiles, type Peer, type PeerStore } from '../peer.ts';

export const peer: Peer = {
  title: 'keyv, @keyv/sqlite',
  setup: 'opened per thread, its default driver and serializer, busy timeout 30 s; WAL, synchronous=NORMAL',
  versions: () => ({ keyv: packageVersion('keyv'), '@keyv/sqlite': packageVersion('@keyv/sqlite') }),
  lacks: noFiles,

  async open(directory) {
    const store = new KeyvSqlite({
      uri: `sqlite://${join(directory, 'entries.db')}`,
      wal: true,
      busyTimeout: 30_000,
    });
    await store.ready;
    await store.query('PRAGMA synchronous = NORMAL');
    return storeOf(new Keyv({ store }));
  },
};

/** A store on top of a Keyv. */
export function storeOf(keyv: Keyv): PeerStore {
  // Keyv reports errors as events instead of rejecting the call.
  let failure: unknown;
  keyv.on('error', error => {
    failure = error;
  });
  const check = <T>(result: T): T => {
    if (failure !== undefined) throw failure;
    return result;
  };
  return {
    get: key => keyv.get(key).then(check),
    set: (key, value) => keyv.set(key, value).then(check),
    setMany: entries => keyv.setMany(entries.map(([key, value]) => ({ key, value }))).then(check),
    delete: key => keyv.delete(key).then(check),
    close: () => keyv.disconnect(),
  };
}
