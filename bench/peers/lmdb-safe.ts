// The lmdb-js peer with its safe get: a copy of the current value, which the caller may keep. Otherwise the same as the
// fast get.
// get.
import { openLmdb } from '../lmdb-store.ts';
import { packageVersion } from '../package-version.ts';
import { noFiles, type Peer } from '../peer.ts';

export const peer: Peer = {
  title: 'lmdb, safe get',
  setup: 'resetReadTxn, then getBinary; both: put resolves at the commit, which is flushed afterwards',
  versions: () => ({ lmdb: packageVersion('lmdb') }),
  lacks: workload =>
    workload.gets === 0 || workload.type === 'stampede' ? 'the same as with the fast get' : noFiles(workload),
  open: (directory, { kind }) => openLmdb(directory, kind, false),
};
