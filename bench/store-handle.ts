// A thread's open store: addressed by key number, with its values and its oracle.
import { join } from 'node:path';
import { threadId } from 'node:worker_threads';
import type { ClientStore } from './client.ts';
import { type DataSet, keyName } from './data-set.ts';
import type { DataRequest, ThreadRequest } from './messages.ts';
import { Oracle } from './oracle.ts';
import type { Peer, PeerStore } from './peer.ts';
import { type Values, valuesOf } from './values.ts';
import { findWorkload } from './workload.ts';

export interface StoreHandle {
  peerStore: PeerStore;
  store: ClientStore;
  values: Values;
  oracle: Oracle;
  keys: number;
  nameOf(key: number): string;
}

export function dataSetOf({ workload, keys, absent }: DataRequest): DataSet {
  return { ...findWorkload(workload).data, keys, absent };
}

export async function open(
  peer: Peer,
  { directory, data: request, oracle, port }: Omit<ThreadRequest & { type: 'open' }, 'type'>,
): Promise<StoreHandle> {
  const data = dataSetOf(request);
  const { keys, absent } = data;
  const peerStore = await peer.open(directory, data, port);
  const scratch = join(directory, '..', `scratch-${process.pid}-${threadId}`);
  const small = data.kind !== 'file' && keys <= 10_000;
  const names = small ? Array.from({ length: keys + absent }, (_, key) => keyName(key)) : undefined;
  return {
    peerStore,
    store: data.kind === 'file' ? byPath(peerStore, `${scratch}-out`) : peerStore,
    values: valuesOf(data, `${scratch}-in`),
    oracle: new Oracle(oracle),
    keys,
    nameOf: names ? (key: number) => names[key]! : keyName,
  };
}

// A store for files, whose values are paths.
function byPath(store: PeerStore, destination: string): ClientStore {
  return {
    get: async key => ((await store.getFile!(key, destination)) ? destination : undefined),
    set: (key, path) => store.putFile!(key, path as string),
    delete: key => store.delete(key),
  };
}

/** Reads these keys and checks every byte. Rejects with `WrongValueError`. */
export async function verify(
  { oracle, store, values, nameOf }: StoreHandle,
  keys: readonly number[],
): Promise<void> {
  for (const key of keys) {
    const before = oracle.before(key);
    const value = await store.get(nameOf(key));
    oracle.check(key, before, value === undefined ? 0 : values.versionOf(key, value, true));
  }
}
