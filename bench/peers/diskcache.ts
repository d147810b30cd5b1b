// python-diskcache's Cache, which this cache grew from.
import { diskcachePeer } from '../diskcache.ts';

export const peer = diskcachePeer(
  'Cache',
  'diskcache Cache',
  'Python processes for threads, default settings, retry=True; WAL, synchronous=NORMAL',
);
