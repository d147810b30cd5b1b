// A process that reads back what peers stored in other processes: one peer and one store after the other, in its main
// thread. Started by crew.ts.
import { Ledger } from '../ledger.ts';
import type { HostReply, HostRequest, Reply } from '../messages.ts';
import { dataSetOf, type Opened, open, verify } from '../opened.ts';
import { loadPeer, type Peer, type PeerServer } from '../peer.ts';

let peer: Peer | undefined;
let server: PeerServer | undefined;
let opened: Opened | undefined;

async function answer(request: HostRequest): Promise<HostReply> {
  switch (request.type) {
    case 'load':
      peer = await loadPeer(request.url);
      return {};
    case 'open': {
      const { directory, data, versions } = request;
      const ledger = new Ledger(data.keys + data.absent);
      if (versions) ledger.adopt(versions);
      server = await peer!.serve?.(directory, dataSetOf(data));
      opened = await open(peer!, { directory, data, ledger: ledger.buffer, port: server?.connect() });
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

process.on('message', async (request: HostRequest) => {
  let reply: Reply<HostReply>;
  try {
    reply = { ok: true, result: await answer(request) };
  } catch (error) {
    reply = { ok: false, failure: error instanceof Error ? error.message : String(error) };
  }
  process.send!(reply);
});
// Whoever asked is gone, or is done with this process.
process.on('disconnect', () => process.exit());
