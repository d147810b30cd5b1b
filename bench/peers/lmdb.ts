// The lmdb-js peer with its fast get: the value is in memory that the next get reuses, and dates from the start of the
// event loop turn.
// loop turn.
import { openLmdb } from '../lmdb-store.ts';
import { packageVersion } from '../package-version.ts';
import { noFiles, type Peer } from '../peer.ts';

export const peer: Peer = {
  title: 'lmdb, fast get',
  setup: 'opened per thread; getBinaryFast: valid until the next get, from a snapshot of the event turn',
  versions: () => ({ lmdb: packageVersion('lmdb') }),
  lacks: workload =>
    workload.gets > 0 && workload.gets < 1
      ? 'what others wrote is seen in the next turn of the event loop; see its safe get'
      : noFiles(workload),
  open: (directory, { kind }) => openLmdb(directory, kind, true),
};
