// Misbehaving servers: each gives a miss or an entry that is not stored, one warning, and no delay beyond the limits.
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import type { ServerResponse } from 'node:http';
import { connect, type Socket } from 'node:net';
import path from 'node:path';
import { Worker } from 'node:worker_threads';
import { gzipSync } from 'node:zlib';
import test, { type ExecutionContext } from 'ava';
import { remoteKey } from '../../../src/cache/remote/record.ts';
import { temporaryDirectory } from '../../support/temporary.ts';
import { type Misbehavior, TestServer } from './server.ts';
import { getValue, KEY, NOISE, PATIENT, putValue, reader, TEXT, writer } from './tier.ts';

const SMALL = Buffer.from('a small value');
const value = (bytes: Uint8Array) => ({ kind: 'value', files: [{ name: 'value', bytes }] }) as const;

/** A server that has a value, and misbehaves from then on. */
async function misbehaving(
  t: ExecutionContext,
  misbehavior: Misbehavior,
  bytes = SMALL,
): Promise<TestServer> {
  const server = await TestServer.start(t);
  await putValue(t, server.url, bytes);
  server.misbehavior = misbehavior;
  server.seen.length = 0;
  return server;
}

const onBlobs =
  (misbehavior: Misbehavior): Misbehavior =>
  (request, response, well) =>
    request.url?.startsWith('/cas/') ? misbehavior(request, response, well) : well();

const silent: Misbehavior = () => {};
const answering =
  (status: number, headers: Record<string, string> = {}, body = ''): Misbehavior =>
  (request, response) => {
    request.resume();
    response.writeHead(status, headers).end(body);
  };

for (const [what, misbehavior, warning] of [
  [
    'answers with a login page',
    answering(200, { 'content-type': 'text/html' }, '<html>Log in'),
    /begins with "<html>/,
  ],
  ['answers with an empty page', answering(200), /is empty/],
  ['answers with JSON that is not an object', answering(200, {}, '[]'), /not a record/],
  [
    'redirects to another host',
    answering(302, { location: 'http://127.0.0.1:1/' }),
    /redirected to http:\/\/127/,
  ],
  ['redirects to nowhere', answering(301), /redirected/],
  ['redirects in a circle', answering(302, { location: '/' }), /redirected once more/],
  ['fails', answering(500), /status 500/],
  ['answers with a part', answering(206, {}, '{}'), /status 206/],
  ['ends the connection', (_, response) => void response.destroy(), /GET \/ac/],
  ['speaks another protocol', request => void request.socket.end('SSH-2.0-OpenSSH\r\n'), /GET \/ac/],
  [
    'ends in the middle of an answer',
    (_, response) => {
      response.writeHead(200, { 'content-length': 1000 });
      response.write('{', () => response.destroy());
    },
    /GET \/ac/,
  ],
  [
    'compresses although that was not accepted',
    (_, response) => {
      response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync(Buffer.alloc(10_000_000)));
    },
    /Content-Encoding is gzip/,
  ],
  ['announces too much', answering(200, { 'content-length': '1073741824' }), /1073741824 bytes/],
] satisfies [string, Misbehavior, RegExp][]) {
  test(`a server that ${what} is a miss, with one warning, and not asked again after three of them`, async t => {
    const server = await misbehaving(t, misbehavior);
    const tier = reader(t, server.url);
    for (let count = 0; count < 3; count++) t.is(await getValue(tier), undefined);
    t.is(tier.stats().reading, 'open');
    const asked = server.seen.length;
    t.is(await getValue(tier), undefined);
    t.is(server.seen.length, asked);
    t.like(tier.stats(), { hits: 0, misses: 4, failed: 3, skipped: 1 });
    t.is(tier.warnings.length, 1);
    t.regex(tier.warnings[0]!, warning);
  });
}

test('a redirect within the server is followed', async t => {
  const server = await misbehaving(t, (request, response, well) => {
    if (request.url?.startsWith('/moved')) {
      request.url = request.url.slice('/moved'.length);
      return well();
    }
    response.writeHead(307, { location: `/moved${request.url}` }).end();
  });
  t.deepEqual(await getValue(reader(t, server.url)), SMALL);
});

test('an unreachable server is a miss', async t => {
  const server = await TestServer.start(t);
  await server.stop();
  const tier = writer(t, server.url);
  t.is(await getValue(tier), undefined);
  t.regex(tier.warnings[0]!, /ECONNREFUSED/);
  t.is(await tier.put(KEY, value(NOISE)), 'dropped');
});

test('a server that accepts no connection is given up sooner than one that does not answer', async t => {
  const url = await full(t);
  const tier = reader(t, url, { limits: { ...PATIENT, connectMs: 100 } });
  t.is(await getValue(tier), undefined);
  t.regex(tier.warnings[0]!, /no connection within 100 ms/);
});

test('a silent server is given up after the limit for small answers', async t => {
  const server = await misbehaving(t, silent);
  const tier = reader(t, server.url, { limits: { ...PATIENT, smallMs: 50 } });
  t.is(await getValue(tier), undefined);
  t.regex(tier.warnings[0]!, /no answer within 0.05 s/);
});

test('a record that comes byte by byte has no more time than any other', async t => {
  const server = await misbehaving(t, (_, response) => trickle(t, response, 1_000_000, 1));
  const tier = reader(t, server.url, { limits: { ...PATIENT, smallMs: 200 } });
  t.is(await getValue(tier), undefined);
  t.regex(tier.warnings[0]!, /no answer within 0.2 s/);
});

test('a blob may take longer than the limit as long as bytes arrive, and no longer', async t => {
  let isStuck = false;
  const server = await misbehaving(
    t,
    onBlobs(async (_, response) => {
      response.writeHead(200);
      for (let from = 0; from < NOISE.length; from += 10_000) {
        response.write(NOISE.subarray(from, from + 10_000));
        await new Promise(resolve => setTimeout(resolve, 150));
        if (isStuck) return;
      }
      response.end();
    }),
    NOISE,
  );
  const tier = reader(t, server.url, { limits: { ...PATIENT, idleMs: 1000 } });
  t.deepEqual(await getValue(tier), NOISE);
  isStuck = true;
  const hit = await tier.get(KEY, { kind: 'value' });
  const directory = await temporaryDirectory(t);
  t.false(await hit!.getFile('value', path.join(directory, 'value')));
  t.deepEqual(readdirSync(directory), []);
});

test('no more bytes are read than the record says', async t => {
  let sent = 0;
  const server = await misbehaving(
    t,
    onBlobs(async (_, response) => {
      response.writeHead(200);
      const part = Buffer.alloc(64 * 1024);
      response.setMaxListeners(0);
      while (!response.destroyed && sent < 2 ** 30) {
        sent += part.length;
        if (!response.write(part)) await Promise.race([once(response, 'drain'), once(response, 'close')]);
      }
    }),
    NOISE,
  );
  const tier = reader(t, server.url);
  t.is(await getValue(tier), undefined);
  // In addition to the connection's buffers.
  t.true(sent < 32 * 1024 * 1024, String(sent));
  t.true(tier.stats().bytesReceived < 1_000_000);
});

test('a blob that ends early, or has another Content-Length, leaves no file', async t => {
  const answers: ((response: ServerResponse) => void)[] = [
    response =>
      response
        .writeHead(200, { 'content-length': NOISE.length })
        .write(NOISE.subarray(1), () => response.destroy()),
    response => response.writeHead(200, { 'content-length': 10 }).end(NOISE.subarray(0, 10)),
    response =>
      response
        .writeHead(200, { 'content-length': NOISE.length + 1 })
        .end(Buffer.concat([NOISE, SMALL.subarray(0, 1)])),
    response => response.writeHead(200).end(NOISE.subarray(1)),
    response => response.writeHead(200).end(),
  ];
  for (const answer of answers) {
    const server = await misbehaving(
      t,
      onBlobs((_, response) => answer(response)),
      NOISE,
    );
    const tier = reader(t, server.url);
    const hit = await tier.get(KEY, { kind: 'value' });
    const directory = await temporaryDirectory(t);
    t.false(await hit!.getFile('value', path.join(directory, 'value')));
    t.deepEqual(readdirSync(directory), []);
    t.is(tier.stats().hits, 0);
  }
});

test('a server that sends Retry-After is not asked until then', async t => {
  const server = await misbehaving(t, answering(429, { 'retry-after': '60' }));
  let now = 0;
  const tier = reader(t, server.url, { breaker: { now: () => now } });
  t.is(await getValue(tier), undefined);
  server.misbehavior = undefined;
  now = 59_999;
  t.is(await getValue(tier), undefined);
  t.is(server.seen.length, 1);
  now = 60_000;
  t.deepEqual(await getValue(tier), SMALL);
  t.deepEqual(await getValue(tier), SMALL);
});

test('a server that is back is used again after half a minute', async t => {
  const server = await misbehaving(t, answering(500));
  let now = 0;
  const tier = writer(t, server.url, { breaker: { now: () => now } });
  for (let count = 0; count < 3; count++) t.is(await getValue(tier), undefined);
  t.is(await tier.put(KEY, value(NOISE)), 'dropped');
  server.misbehavior = undefined;
  now = 30_000;
  t.deepEqual(await getValue(tier), SMALL);
  t.is(await tier.put(KEY, value(NOISE)), 'stored');
  t.is(tier.warnings.length, 1);
});

for (const status of [401, 403]) {
  test(`reading that is denied with ${status} is not tried again, and warned about once`, async t => {
    const server = await misbehaving(t, answering(status));
    const tier = reader(t, server.url);
    t.is(await getValue(tier), undefined);
    t.is(await getValue(tier), undefined);
    t.is(server.seen.length, 1);
    t.is(tier.stats().reading, 'off');
    t.is(tier.warnings.length, 1);
    t.regex(tier.warnings[0]!, new RegExp(`status ${status}.*GLOVEBOX_REMOTE_TOKEN`));
  });

  test(`writing that is denied with ${status}, at once or in the middle of a large file, does not affect reading`, async t => {
    const server = await misbehaving(t, (request, response, well) => {
      if (request.method !== 'PUT') return well();
      response.writeHead(status).end();
    });
    const tier = writer(t, server.url);
    t.is(await tier.put(KEY, value(Buffer.concat(Array(50).fill(NOISE)))), 'failed');
    t.is(await tier.put(KEY, value(SMALL)), 'dropped');
    t.is(server.log.filter(line => line.startsWith('PUT')).length, 1);
    t.deepEqual(await getValue(tier), SMALL);
    t.like(tier.stats(), { writing: 'off', reading: 'closed', notStored: 2 });
    t.is(tier.warnings.length, 1);
  });
}

test('a server that rejects every upload does not keep others from being read', async t => {
  const server = await misbehaving(t, (request, response, well) =>
    request.method === 'PUT' ? answering(507)(request, response, well) : well(),
  );
  const tier = writer(t, server.url);
  for (let count = 0; count < 3; count++) t.is(await tier.put(KEY, value(NOISE)), 'failed');
  t.is(await tier.put(KEY, value(NOISE)), 'dropped');
  t.deepEqual(await getValue(tier), SMALL);
  t.like(tier.stats(), { writing: 'open', reading: 'closed' });
});

test('a redirect of an upload is not followed', async t => {
  const server = await misbehaving(t, answering(307, { location: '/elsewhere' }));
  const tier = writer(t, server.url);
  t.is(await tier.put(KEY, value(SMALL)), 'failed');
  t.is(server.seen.length, 1);
});

test('an upload that the server does not accept is given up', async t => {
  const server = await misbehaving(t, silent);
  const tier = writer(t, server.url, { limits: { ...PATIENT, idleMs: 100 } });
  t.is(await tier.put(KEY, value(NOISE)), 'failed');
  t.regex(tier.warnings[0]!, /PUT .*no answer within 0.1 s/);
});

test('after a read that failed, one short request spares uploads their long limits', async t => {
  const server = await misbehaving(t, silent);
  const tier = writer(t, server.url, { limits: { ...PATIENT, smallMs: 1000 } });
  t.is(await getValue(tier), undefined);
  t.is(await tier.put(KEY, value(NOISE)), 'dropped');
  t.deepEqual(server.log, ['GET /ac', 'HEAD /ac']);
});

test('a connection that the server closed while it was idle is reopened', async t => {
  const server = await misbehaving(t, (_, __, well) => well());
  const tier = reader(t, server.url);
  t.deepEqual(await getValue(tier), SMALL);
  await server.stop();
  await server.listen();
  t.deepEqual(await getValue(tier), SMALL);
  t.deepEqual(tier.warnings, []);
});

test('a request whose connection is lost before an answer is sent once more', async t => {
  let isLost = false;
  const server = await misbehaving(t, (request, _, well) => {
    if (isLost) return well();
    isLost = true;
    request.socket.destroy();
  });
  const tier = reader(t, server.url);
  t.deepEqual(await getValue(tier), SMALL);
  t.is(server.seen.length, 2);
});

test('a server that dies and comes back never gives a wrong byte', async t => {
  const server = await TestServer.start(t);
  const keys = Array.from({ length: 20 }, (_, index) => remoteKey('value', `${index}`));
  const bytes = (index: number) => (index % 2 === 0 ? NOISE : TEXT).subarray(index * 100);
  for (const [index, key] of keys.entries()) await putValue(t, server.url, bytes(index), key);
  let answers = 0;
  server.misbehavior = async (request, _, well) => {
    // Every fifth connection dies, at different places of the answer.
    if (++answers % 5 === 0) setTimeout(() => request.socket.destroy(), answers % 4);
    await well();
  };
  const tier = reader(t, server.url, { breaker: { failureLimit: Number.POSITIVE_INFINITY } });
  let hits = 0;
  await Promise.all(
    keys.map(async (key, index) => {
      const found = await getValue(tier, key);
      if (found === undefined) return;
      hits++;
      t.true(found.equals(bytes(index)));
    }),
  );
  t.true(hits > 0);
});

test('misses, hits and uploads one after another reuse their connections, whatever error pages come with the answers', async t => {
  const server = await TestServer.start(t);
  await putValue(t, server.url, NOISE);
  server.misbehavior = async (request, response, well) => {
    if (request.url === `/ac/${KEY}` || request.url?.startsWith('/cas/')) return well();
    for await (const _ of request);
    response.writeHead(request.method === 'PUT' ? 201 : 404).write('<html>');
    setTimeout(() => response.end('x'.repeat(20_000)), 10);
  };
  const tier = writer(t, server.url);
  await getValue(tier);
  const before = server.connections;
  for (let index = 0; index < 8; index++) {
    t.is(await getValue(tier, remoteKey('value', `${index}`)), undefined);
    t.deepEqual(await getValue(tier), NOISE);
    t.is(await tier.put(remoteKey('value', `${index}`), value(SMALL)), 'stored');
  }
  // The number of idle connections varies a little.
  t.true(server.connections <= before + 4, `${before} and then ${server.connections}`);
});

test('a caller that aborts gets a miss at once, which does not count as a failure of the server', async t => {
  const server = await misbehaving(t, silent);
  const tier = reader(t, server.url);
  const controller = new AbortController();
  const got = tier.get(KEY, { kind: 'value', signal: controller.signal });
  controller.abort();
  t.is(await got, undefined);
  t.like(tier.stats(), { failed: 0, reading: 'closed' });
  t.deepEqual(tier.warnings, []);
});

/** The address of a server whose thread sleeps, with so many connections queued that the system drops new ones. */
async function full(t: ExecutionContext): Promise<string> {
  const source = `
    const { parentPort } = require('node:worker_threads');
    const server = require('node:net').createServer().listen({ port: 0, host: '127.0.0.1', backlog: 1 }, () => {
      parentPort.postMessage(server.address().port);
      setImmediate(() => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0));
    });`;
  const worker = new Worker(source, { eval: true });
  const [port] = (await once(worker, 'message')) as [number];
  const sockets: Socket[] = [];
  t.teardown(async () => {
    for (const socket of sockets) socket.destroy();
    await worker.terminate();
  });
  // On a busy machine a connection may only be slow, so that one alone does not prove the queue full.
  for (let left = 3; left > 0; ) {
    const socket = connect(port, '127.0.0.1');
    sockets.push(socket);
    const isTaken = await Promise.race([
      once(socket, 'connect').then(() => true),
      new Promise<boolean>(resolve => setTimeout(() => resolve(false), 300)),
    ]);
    left = isTaken ? 3 : left - 1;
  }
  return `http://127.0.0.1:${port}`;
}

/** Sends a byte every so many milliseconds, until the connection closes. */
function trickle(t: ExecutionContext, response: ServerResponse, bytes: number, everyMs: number): void {
  response.writeHead(200, { 'content-length': bytes });
  const timer = setInterval(() => response.write(' '), everyMs);
  response.on('close', () => clearInterval(timer));
  t.teardown(() => clearInterval(timer));
}

test('a thread that was kept from running does not mistake its own delay for the server’s', async t => {
  const { url } = await TestServer.start(t);
  await putValue(t, url, TEXT);
  const tier = reader(t, url, { limits: { ...PATIENT, connectMs: 30 } });
  const getting = getValue(tier);
  for (let step = 0; step < 20; step++) await undefined;
  for (const until = performance.now() + 200; performance.now() < until; );
  t.deepEqual(await getting, TEXT);
  t.deepEqual(tier.warnings, []);
});
