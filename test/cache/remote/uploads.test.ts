import test from 'ava';
import { remoteKey } from '../../../src/cache/remote/record.ts';
import { TestServer } from './server.ts';
import { getValue, KEY, NOISE, reader, writer } from './tier.ts';

const value = (bytes: Uint8Array) => ({ kind: 'value', files: [{ name: 'value', bytes }] }) as const;

/** A server that answers uploads only when it is told to. */
async function hesitant(t: Parameters<typeof TestServer.start>[0]) {
  const server = await TestServer.start(t);
  const waiting: (() => Promise<void>)[] = [];
  let isOpen = false;
  let arrived = () => {};
  server.misbehavior = (request, _, well) => {
    if (request.method !== 'PUT' || isOpen) return well();
    waiting.push(well);
    arrived();
  };
  const firstUpload = new Promise<void>(resolve => {
    arrived = resolve;
  });
  const open = async () => {
    isOpen = true;
    await Promise.all(waiting.map(well => well()));
  };
  return { server, firstUpload, open };
}

test('close waits for the uploads', async t => {
  const { server, firstUpload, open } = await hesitant(t);
  const tier = writer(t, server.url);
  const outcomes = Array.from({ length: 20 }, (_, index) =>
    tier.put(remoteKey('value', `${index}`), value(NOISE)),
  );
  await firstUpload;
  const closed = tier.close();
  await open();
  await closed;
  t.true((await Promise.all(outcomes)).every(outcome => outcome === 'stored'));
  t.is(tier.stats().stored, 20);
  t.is([...server.stored.keys()].filter(name => name.startsWith('/ac/')).length, 20);
});

test('close drops the uploads that have not finished in time, and says so', async t => {
  const { server, firstUpload } = await hesitant(t);
  const tier = writer(t, server.url);
  const outcome = tier.put(KEY, value(NOISE));
  await firstUpload;
  await tier.close({ limitMs: 50 });
  t.is(await outcome, 'dropped');
  t.is(tier.warnings.length, 1);
});

test('drop ends everything at once: uploads and reads', async t => {
  const { server, firstUpload } = await hesitant(t);
  const tier = writer(t, server.url);
  const outcomes = Array.from({ length: 20 }, () => tier.put(KEY, value(NOISE)));
  await firstUpload;
  server.misbehavior = () => {};
  const got = getValue(tier);
  tier.drop();
  t.is(await got, undefined);
  t.true((await Promise.all(outcomes)).every(outcome => outcome === 'dropped'));
  await tier.close();
  t.deepEqual(tier.warnings, []);
});

test('after close nothing is requested and nothing is stored', async t => {
  const server = await TestServer.start(t);
  const tier = writer(t, server.url);
  await tier.close();
  t.is(await tier.put(KEY, value(NOISE)), 'dropped');
  t.is(await getValue(tier), undefined);
  t.deepEqual(server.log, []);
});

test('only a few uploads run at once, and the queue is bounded', async t => {
  const { server, firstUpload, open } = await hesitant(t);
  const tier = writer(t, server.url, { uploads: { concurrency: 2, maxUploads: 5 } });
  const outcomes = Array.from({ length: 8 }, (_, index) =>
    tier.put(remoteKey('value', `${index}`), value(NOISE)),
  );
  await firstUpload;
  t.deepEqual(await Promise.all(outcomes.slice(5)), ['dropped', 'dropped', 'dropped']);
  t.true(server.seen.length <= 2);
  t.is(tier.warnings.length, 1);
  await open();
  t.deepEqual(await Promise.all(outcomes.slice(0, 5)), Array(5).fill('stored'));
  t.is(await tier.put(KEY, value(NOISE)), 'stored');
});

test('queued values are bounded by their bytes in memory', async t => {
  const { server, firstUpload, open } = await hesitant(t);
  const tier = writer(t, server.url, { uploads: { maxHeldBytes: 250_000 } });
  const outcomes = Array.from({ length: 3 }, () => tier.put(KEY, value(NOISE)));
  await firstUpload;
  t.is(await outcomes[2], 'dropped');
  await open();
  t.deepEqual(await Promise.all(outcomes.slice(0, 2)), ['stored', 'stored']);
});

test('the record is uploaded last: while a blob is missing there is none', async t => {
  const { server, firstUpload, open } = await hesitant(t);
  const tier = writer(t, server.url);
  const outcome = tier.put(KEY, value(NOISE));
  await firstUpload;
  t.is(await getValue(reader(t, server.url)), undefined);
  await open();
  t.is(await outcome, 'stored');
  t.deepEqual(server.log, ['PUT /cas', 'GET /ac', 'PUT /ac']);
});
