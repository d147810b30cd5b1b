// Glovebox without in-memory copies, so that every get reaches the database however few entries there are.

import type { Peer } from './peer.ts';
import { peer as glovebox, openStore } from './peers/glovebox.ts';

export const peer: Peer = {
  ...glovebox,
  open: directory => openStore(directory, { localTierSize: 0 }),
};
