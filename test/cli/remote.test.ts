import { mkdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { addToHistory, REMOTE_HISTORY_TAG } from '../../src/cache/remote/history.ts';
import { parseSigningKey } from '../../src/cache/remote/signing.ts';
import { TestServer } from '../cache/remote/server.ts';
import { publishedLibrary } from '../support/published.ts';
import { glovebox } from './run.ts';
import { temporaryDirectory } from './temporary.ts';

/** A user with a home directory of their own. */
async function person(t: ExecutionContext) {
  const home = await temporaryDirectory(t);
  const env = {
    HOME: home,
    XDG_CONFIG_HOME: path.join(home, 'config'),
    GLOVEBOX_CACHE_DIR: path.join(home, 'caches'),
  };
  const run = (args: string[], more: Record<string, string> = {}) =>
    glovebox(['remote', ...args], { cwd: home, env: { ...env, ...more } });
  return { home, env, run, keyFile: path.join(home, 'config/glovebox/signing-key.pem') };
}

interface Check {
  ok: boolean;
  mode: string;
  findings: { rule: string; status: string; detail: string }[];
}

test('keygen makes a private key that only its owner can read, and prints the public one', async t => {
  const { run, keyFile } = await person(t);
  const { status, stdout, stderr } = await run(['keygen']);
  t.is(status, 0);
  t.regex(stdout, /^[A-Za-z0-9+/]{43}=\n$/);
  t.true(stderr.includes(keyFile));
  t.is(statSync(keyFile).mode & 0o777, 0o600);
  t.is(parseSigningKey(readFileSync(keyFile, 'utf8')).publicKey, stdout.trim());
  t.is((await run(['keygen', '--show'])).stdout, stdout);
});

test('keygen does not replace a key', async t => {
  const { run, keyFile } = await person(t);
  await run(['keygen']);
  const key = readFileSync(keyFile, 'utf8');
  const { status, stderr } = await run(['keygen']);
  t.is(status, 2);
  t.regex(stderr, /exists.*--show/);
  t.is(readFileSync(keyFile, 'utf8'), key);
});

test('keygen --file makes a key elsewhere, and --json is machine-readable', async t => {
  const { run, home } = await person(t);
  const { stdout } = await run(['keygen', '--file', 'ci.pem', '--json']);
  const file = path.join(home, 'ci.pem');
  t.deepEqual(JSON.parse(stdout), { file, publicKey: parseSigningKey(readFileSync(file, 'utf8')).publicKey });
});

test('check of a conforming server leaves nothing there', async t => {
  const server = await TestServer.start(t);
  const { run } = await person(t);
  await run(['keygen']);
  const env = {
    GLOVEBOX_REMOTE: server.url,
    GLOVEBOX_REMOTE_MODE: 'read-write',
    GLOVEBOX_REMOTE_TOKEN: 'secret',
  };
  server.misbehavior = (request, response, well) => {
    if (request.method === 'PUT' && request.headers.authorization !== 'Bearer secret') {
      request.resume();
      response.writeHead(401).end();
      return;
    }
    return well();
  };
  const { status, stdout } = await run(['check', '--json'], env);
  const { ok, mode, findings } = JSON.parse(stdout) as Check;
  t.deepEqual(
    findings.filter(finding => finding.status !== 'ok'),
    [],
  );
  t.is(findings.length, 7);
  t.like({ status, ok, mode }, { status: 0, ok: true, mode: 'read-write' });
  t.is(server.stored.size, 0);
  const drawn = await run(['check'], env);
  t.is(drawn.status, 0);
  t.regex(drawn.stdout, /mode read-write\n✔ a missing entry is a quick miss: \d/);
});

test('check in mode read writes nothing', async t => {
  const server = await TestServer.start(t);
  const { run } = await person(t);
  await run(['keygen']);
  const { stdout } = await run(['check', '--json'], { GLOVEBOX_REMOTE: server.url });
  t.like(JSON.parse(stdout), { ok: true, mode: 'read', findings: [{ status: 'ok' }, { status: 'skipped' }] });
  t.true(server.log.every(line => line === 'HEAD /ac'));
});

test('check reports what a server does not support', async t => {
  const server = await TestServer.start(t);
  const { run } = await person(t);
  await run(['keygen']);
  const env = { GLOVEBOX_REMOTE: server.url, GLOVEBOX_REMOTE_MODE: 'read-write' };
  server.misbehavior = (request, response, well) => {
    if (request.method !== 'PUT') return well();
    request.resume();
    response.writeHead(405).end();
  };
  const refusing = await run(['check', '--json'], env);
  t.is(refusing.status, 1);
  const { findings } = JSON.parse(refusing.stdout) as Check;
  t.regex(findings.find(({ rule }) => rule === 'this machine may write')!.detail, /status 405/);
  await server.stop();
  const absent = await run(['check'], env);
  t.is(absent.status, 1);
  t.regex(absent.stdout, /✖ .*ECONNREFUSED/);
});

test('check without a remote cache says how to configure one', async t => {
  const { run } = await person(t);
  const { status, stderr } = await run(['check']);
  t.is(status, 2);
  t.regex(stderr, /GLOVEBOX_REMOTE/);
});

test('status sums up the counts of all processes', async t => {
  const { run, env } = await person(t);
  t.is((await run(['status'])).stdout, 'This machine has not used a remote cache.\n');
  t.deepEqual(JSON.parse((await run(['status', '--json'])).stdout), { remotes: [] });
  const { createDefaultCache } = await publishedLibrary();
  mkdirSync(env.GLOVEBOX_CACHE_DIR, { recursive: true });
  const cache = createDefaultCache({ tag: REMOTE_HISTORY_TAG, cacheRoot: env.GLOVEBOX_CACHE_DIR });
  const counts = {
    hits: 3,
    misses: 1,
    refused: 0,
    failed: 0,
    skipped: 2,
    stored: 4,
    notStored: 0,
    bytesReceived: 2048,
    bytesSent: 0,
  };
  await addToHistory(cache, 'https://cache.example.org/', counts);
  await addToHistory(cache, 'https://cache.example.org/', counts);
  await cache.close();
  const { stdout } = await run(['status', '--json']);
  t.deepEqual(JSON.parse(stdout).remotes, [
    {
      url: 'https://cache.example.org/',
      ...{ hits: 6, misses: 2, refused: 0, failed: 0, skipped: 4 },
      ...{ stored: 8, notStored: 0, bytesReceived: 4096, bytesSent: 0 },
    },
  ]);
  t.regex((await run(['status'])).stdout, /https:\/\/cache\.example\.org\/\n {2}hits +6, 4 KiB received/);
});
