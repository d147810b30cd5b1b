// The server of the live page, as programs on this machine and pages from elsewhere reach it.
import { once } from 'node:events';
import { get, type IncomingMessage, request } from 'node:http';
import test, { type ExecutionContext } from 'ava';
import { PageServer } from '../../../src/cli/page/page-server.ts';
import { eventually } from '../../support/eventually.ts';

const FILES = new Map([['', { type: 'text/html', content: '<p>page' }]]);

async function start(t: ExecutionContext): Promise<PageServer> {
  const server = await PageServer.start(FILES);
  t.teardown(() => server.close());
  return server;
}

/** A reader of the events, and what it has got so far. */
async function follow(server: PageServer): Promise<{ response: IncomingMessage; text: () => string }> {
  const [response] = (await once(get(`${server.url}events`), 'response')) as [IncomingMessage];
  let text = '';
  response.setEncoding('utf8').on('data', chunk => {
    text += chunk;
  });
  return { response, text: () => text };
}

async function statusOf(url: string, options: { method?: string; host?: string } = {}): Promise<number> {
  const { method = 'GET', host } = options;
  const asked = request(url, { method, ...(host !== undefined && { headers: { host } }) }).end();
  const [response] = (await once(asked, 'response')) as [IncomingMessage];
  response.resume();
  return response.statusCode!;
}

test('only the address with its token is answered, and no other name for this machine', async t => {
  const server = await start(t);
  const { url } = server;
  t.regex(url, /^http:\/\/127\.0\.0\.1:\d+\/[0-9a-f]{32}\/$/);
  t.is(await statusOf(url), 200);
  const { origin, host, port } = new URL(url);
  for (const other of [
    `${origin}/`,
    `${origin}/${'0'.repeat(32)}/`,
    url.slice(0, -1),
    `${url}x`,
    `${url}a/b`,
  ]) {
    t.is(await statusOf(other), 404, other);
  }
  t.is(await statusOf(url, { host }), 200);
  t.is(await statusOf(url, { host: `localhost:${port}` }), 200);
  t.is(await statusOf(url, { host: `attacker.example:${port}` }), 404, 'a name that leads here');
  t.is(await statusOf(url, { method: 'POST' }), 405);
  const another = await start(t);
  t.not(another.url.split('/')[3], url.split('/')[3], 'each has its own token');
});

test('the page may load nothing from elsewhere, and no page may use it', async t => {
  const { url } = await start(t);
  const { headers } = await fetch(url);
  t.regex(headers.get('content-security-policy')!, /^default-src 'none';.*frame-ancestors 'none'/);
  t.is(headers.get('access-control-allow-origin'), null);
  t.is(headers.get('cross-origin-resource-policy'), 'same-origin');
  t.is(headers.get('referrer-policy'), 'no-referrer');
});

test('a reader gets the whole state, then what changes, and the end', async t => {
  const server = await start(t);
  server.update([
    { id: 'a', html: 'one\nline' },
    { id: 'b', html: 'two' },
  ]);
  const reader = await follow(server);
  await eventually(() => reader.text().includes('two'));
  t.true(reader.text().includes('data: {"id":"a","html":"one\\nline"}\n\n'));
  server.update([
    { id: 'a', html: 'one\nline' },
    { id: 'b', html: 'three' },
  ]);
  await eventually(() => reader.text().includes('three'));
  t.is(reader.text().match(/"id":"a"/g)?.length, 1, 'what has not changed is not sent again');
  const late = await follow(server);
  await eventually(() => late.text().includes('three'));
  t.false(late.text().includes('two'));
  const ended = once(reader.response, 'end');
  await server.close();
  await ended;
  t.regex(reader.text(), /event: end\n/);
  await t.throwsAsync(fetch(server.url));
});

test('a reader that disconnects is forgotten', async t => {
  const server = await start(t);
  const reader = await follow(server);
  reader.response.destroy();
  for (let index = 0; index < 40; index++) {
    const next = await follow(server);
    next.response.destroy();
    await once(next.response, 'close');
  }
  server.update([{ id: 'a', html: 'still alive' }]);
  const last = await follow(server);
  await eventually(() => last.text().includes('still alive'));
  t.pass();
});
