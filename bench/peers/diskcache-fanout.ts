// python-diskcache's FanoutCache: eight databases, so that writers wait less for each other.
import { diskcachePeer } from '../diskcache.ts';

export const peer = diskcachePeer(
  'FanoutCache',
  'diskcache FanoutCache',
  'the same, 8 shards of WAL, synchronous=NORMAL; own checks of both are not in their times',
);
