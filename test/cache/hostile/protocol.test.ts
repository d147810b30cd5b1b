// A worker thread that breaks the protocol: it cannot harm the coordinator or the other threads.
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MessageChannel, Worker } from 'node:worker_threads';
import test from 'ava';
import { PROTOCOL_VERSION } from '../../../src/cache/client/handshake.ts';
import { Coordinator } from '../../../src/cache/coordinator/coordinator.ts';

const url = (name: string) => new URL(name, import.meta.url);

async function until(isTrue: () => boolean): Promise<void> {
  while (!isTrue()) await new Promise(setImmediate);
}

test('invalid messages on every port are dropped and counted, and another thread works on undisturbed', async t => {
  t.timeout(60_000);
  const directory = await mkdtemp(join(tmpdir(), 'glovebox-protocol-'));
  const cacheRoot = join(directory, 'cache');
  const outside = join(directory, 'outside');
  await writeFile(outside, 'not ours');
  const coordinator = new Coordinator();
  const start = (name: string) => {
    const port = coordinator.createPort();
    const workerData = { port, cacheRoot, outside, seed: 20_240_229 };
    return new Worker(url(name), { workerData, transferList: [port] });
  };
  const peer = start('peer-worker.ts');
  await once(peer, 'message');
  const invalid = start('invalid-message-worker.ts');
  const [told] = (await once(invalid, 'message')) as [{ dropped: number; refused: string[] }];

  t.is(coordinator.inspect().dropped, told.dropped);
  t.true(told.dropped > 1000);
  t.deepEqual(told.refused, Array(7).fill('GLOVEBOX_INVALID_ARGUMENT'));
  t.is(await readFile(outside, 'utf8'), 'not ours');

  await invalid.terminate();
  await until(() => coordinator.inspect().sessions === 1);
  t.like(coordinator.inspect(), { stores: 1, clients: 1, leases: 0 });

  peer.postMessage('enough');
  const [{ rounds, wrong }] = (await once(peer, 'message')) as [{ rounds: number; wrong: number }];
  t.true(rounds > 1);
  t.is(wrong, 0);
  await peer.terminate();
  await until(() => coordinator.inspect().sessions === 0);
  t.like(coordinator.inspect(), { stores: 0, clients: 0 });
  await rm(directory, { recursive: true });
});

test('a handshake of another version, or without ports, is dropped and counted', async t => {
  const coordinator = new Coordinator();
  const port = coordinator.createPort();
  const [one, two] = [new MessageChannel(), new MessageChannel()];
  const other = { glovebox: PROTOCOL_VERSION + 1, thread: 1, control: one.port1, writes: two.port1 };
  port.postMessage(other, [one.port1, two.port1]);
  port.postMessage({ glovebox: PROTOCOL_VERSION, control: {}, writes: {} });
  port.postMessage({ glovebox: PROTOCOL_VERSION });
  await until(() => coordinator.inspect().dropped === 3);
  t.is(coordinator.inspect().sessions, 0);
  for (const { port2 } of [one, two]) port2.close();
  port.close();
});
