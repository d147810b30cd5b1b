// lmdb-js as both of its peers use it.
import { asBinary, open, type RootDatabase } from 'lmdb';
import type { ValueKind } from './data-set.ts';
import type { PeerStore } from './peer.ts';

/**
 * With the default settings: `overlappingSync` lets a commit be flushed after its promise resolved, which survives the
 * same accidents as WAL with `synchronous=NORMAL`. Records as its documentation recommends: in MessagePack, with
 * shared structures.
 * @param isFast whether reads are of a snapshot, and bytes only valid until the next get
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
    // Closed by the end of its process: its own `close` crashes now and then, once in some hundred times, also when all
    // is flushed and one thread closes after the other.
    close: async () => void (await database.flushed),
  };
}

function getter(database: RootDatabase, isBytes: boolean, isFast: boolean): PeerStore['get'] {
  if (isFast) return isBytes ? key => database.getBinaryFast(key) : key => database.get(key);
  return key => {
    // Otherwise it would not see what other threads wrote since this turn of the event loop began.
    database.resetReadTxn();
    return isBytes ? database.getBinary(key) : database.get(key);
  };
}
