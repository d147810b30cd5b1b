// A peer whose process crashes at the first delete.
import type { Peer } from '../../../bench/peer.ts';
import { peer as steady } from '../../../bench/peers/better-sqlite3.ts';

export const peer: Peer = {
  ...steady,
  title: 'crashing',
  open: (...args) => ({ ...steady.open(...args), delete: () => process.kill(process.pid, 'SIGKILL') }),
};
