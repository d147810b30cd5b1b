// Reads back, in its main thread, the values that peers stored in other processes: one peer and store after the other.
// Started by worker-group.ts.

import type { DriverReply, DriverRequest } from '../messages.ts';
import { Oracle } from '../oracle.ts';
import { loadPeer, type Peer, type PeerServer } from '../peer.ts';
import { serveRequests } from '../requests.ts';
import { dataSetOf, open, type StoreHandle, verify } from '../store-handle.ts';

let peer: Peer | undefined;
let server: PeerServer | undefined;
let opened: StoreHandle | undefined;

async function answer(request: DriverRequest): Promise<DriverReply> {
  switch (request.type) {
    case 'load':
      peer = await loadPeer(request.url);
      return {};
    case 'open': {
      const { directory, data, versions } = request;
      const oracle = new Oracle(data.keys + data.absent);
      if (versions) oracle.adopt(versions);
      server = await peer!.serve?.(directory, dataSetOf(data));
      opened = await open(peer!, { directory, data, oracle: oracle.buffer, port: server?.connect() });
      return {};
    }
    case 'verify':
      await verify(opened!, request.keys);
      return {};
    case 'close':
      await opened!.peerStore.close();
      await server?.close();
      return {};
    default:
      throw new Error(`A reader was asked to ${request.type}.`);
  }
}

serveRequests(answer);
