// The diagnostics channel `glovebox.remote.request` of the remote tier.
import { tracingChannel } from 'node:diagnostics_channel';
import test from 'ava';
import type { RemoteRequest } from '../../../src/index.ts';
import { TestServer } from './server.ts';
import { getValue, NOISE, putValue, reader } from './tier.ts';

test('each request is published with its status, even if it fails, and without the body of its answer', async t => {
  const server = await TestServer.start(t);
  const ended: (RemoteRequest & { error?: unknown; result?: unknown })[] = [];
  const nothing = () => undefined;
  const handlers = {
    ...{ start: nothing, end: nothing, asyncStart: nothing, error: nothing },
    asyncEnd: (request: RemoteRequest) => void ended.push({ ...request }),
  };
  const channel = tracingChannel<unknown, RemoteRequest>('glovebox.remote.request');
  channel.subscribe(handlers as never);
  t.teardown(() => channel.unsubscribe(handlers as never));

  await putValue(t, server.url, NOISE);
  t.deepEqual(await getValue(reader(t, server.url)), NOISE);
  const kinds = ended.map(({ method, kind }) => `${method} /${kind}`);
  t.deepEqual(kinds, server.log);
  t.true(
    ended.every(
      ({ url, status, result }) => url.startsWith(server.url) && status !== undefined && result === undefined,
    ),
  );
  t.is(ended.find(({ method, kind }) => method === 'PUT' && kind === 'cas')!.size! > 0, true);

  server.stop();
  t.is(await getValue(reader(t, server.url)), undefined);
  t.truthy(ended.at(-1)!.error);
});
