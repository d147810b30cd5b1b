// Store of the two lmdb-js peers.
import { asBinary, open, type RootDatabase } from 'lmdb';
import type { ValueKind } from './data-set.ts';
import type { PeerStore } from './peer.ts';

/**
 * With the default settings: `overlappingSync` lets a commit be flushed after its promise resolved, which survives the
 * same failures as WAL with `synchronous=NORMAL`. Records are kept as its documentation recommends: as MessagePack with
 * shared structures.
 * @param isFast reads use a snapshot, and bytes are valid only until the next get
 */
export function openLmdb(path: string, kind: ValueKind, isFast: boolean): PeerStore {
  const isBytes = kind === 'bytes';
  const database = open(
    isBytes ? { path, encoding: 'binary' } : { path, sharedStructuresKey: Symbol.for('structures') },
  );
  const put = isBytes
    ? (key: string, value: unknown) => database.put(key, asBinary(value as Buffer))
    : (key: string, value: unknown) => database.put(key, value);
  return {
    get: getter(database, isBytes, isFast),
    set: put,
    setMany: entries => Promise.all(entries.map(([key, value]) => put(key, value))),
    delete: key => database.remove(key),
    // Left to the end of the process: its own `close` crashes about once in some hundred times, even when everything is
    // flushed and threads close one after the other.
    close: async () => void (await database.flushed),
  };
}

function getter(database: RootDatabase, isBytes: boolean, isFast: boolean): PeerStore['get'] {
  if (isFast) return isBytes ? key => database.getBinaryFast(key) : key => database.get(key);
  return key => {
    // Otherwise it would not see writes of other threads since this turn of the event loop began.
    database.resetReadTxn();
    return isBytes ? database.getBinary(key) : database.get(key);
  };
}
