import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import test from 'ava';
import { generateSigningKey } from '../../../src/cache/remote/signing.ts';
import { Nginx, NO_NGINX, WRITER } from '../../cache/remote/nginx.ts';
import { TestServer } from '../../cache/remote/server.ts';
import { inFull } from '../../support/extent.ts';
import { CI_KEY, COMPILER, remoteMachine } from './machine.ts';

const signingKey = CI_KEY.privateKey;

test.serial(
  "a second machine gets the first one's firmware from the remote cache, and the next time from its own",
  async t => {
    const server = await TestServer.start(t);
    const { url } = server;
    const first = await remoteMachine(t, { url, signingKey });
    const made = await first.build();
    t.like(made, { compiled: 2, cached: 0, remote: 0, failed: 0, warnings: [] });
    t.like(made.events.at(-1), { remoteCache: { hits: 0, misses: 2, stored: 2, notStored: 0, refused: 0 } });

    const second = await remoteMachine(t, { url });
    const puts = server.log.filter(line => line.startsWith('PUT')).length;
    const planned = await second.build({ dryRun: true });
    t.deepEqual(
      planned.events.flatMap(event => (event.type === 'target-planned' ? event.plan : [])),
      ['remote', 'remote'],
    );
    const built = await second.build();
    t.like(built, { compiled: 0, cached: 2, remote: 2, failed: 0, warnings: [] });
    t.deepEqual(built.firmware, made.firmware);
    const finished = built.events.filter(event => event.type === 'target-finished');
    const memory = { flash: { used: 208_016, size: 811_008 } };
    for (const event of finished) t.like(event, { source: 'remote', signer: 'ci', memory });
    const fingerprints = (events: typeof made.events) =>
      events.flatMap(event => (event.type === 'target-finished' ? event.fingerprint : [])).sort();
    t.deepEqual(fingerprints(built.events), fingerprints(made.events));
    t.is(server.log.filter(line => line.startsWith('PUT')).length, puts, 'who reads writes nothing');

    const asked = server.seen.length;
    rmSync(path.join(second.config, 'firmware'), { recursive: true });
    t.like(await second.build(), { compiled: 0, cached: 2, remote: 0, firmware: made.firmware });
    t.is(server.seen.length, asked);
    for (const text of server.stored.values()) {
      const record = text.toString('latin1');
      const shown = /"stdoutRaw":"([^"]+)"/.exec(record)?.[1];
      const plain = shown === undefined ? record : Buffer.from(shown, 'base64').toString('latin1');
      for (const place of [first.root, first.home, path.basename(first.root)]) t.false(plain.includes(place));
    }
  },
);

inFull('an edit is compiled, its undo is not, and the changes since are named', async t => {
  const { url } = await TestServer.start(t);
  const first = await remoteMachine(t, { url, signingKey });
  await first.build();
  const second = await remoteMachine(t, { url, signingKey });
  await second.write('config/key1.h', 'edited\n');
  const built = await second.build();
  t.like(built, { compiled: 1, remote: 1 });
  t.deepEqual(built.why, [
    'never built here',
    'config/key1.h changed since it was recorded in the remote cache',
  ]);
  // The second machine's upload did not replace the entries of the first.
  const third = await remoteMachine(t, { url });
  t.like(await third.build(), { compiled: 0, remote: 2 });
  await third.write('config/key1.h', 'edited\n');
  t.like(await third.build(), { compiled: 0, remote: 1, cached: 2, firmware: built.firmware });
});

test.serial('a compiler with other bytes and the same version makes no hit, and is named', async t => {
  const { url } = await TestServer.start(t);
  const compiler = (bytes: string) => `#!/bin/sh
# ${bytes}
if [ "$1" = --version ]; then echo 1.0; else . ./compile.sh; fi
`;
  const toolchain = {
    ...{ program: 'firmware-cc', arguments: ['{name}', '{build}', '{config}/config'] },
    version: ['firmware-cc', '--version'],
  };
  const machineWith = async (bytes: string, key?: string) => {
    const machine = await remoteMachine(t, {
      url,
      toolchain,
      ...(key === undefined ? {} : { signingKey: key }),
    });
    writeFileSync(path.join(machine.home, 'bin/firmware-cc'), compiler(bytes), { mode: 0o755 });
    return machine;
  };
  t.like(await (await machineWith('one', signingKey)).build(), { compiled: 2 });
  t.like(await (await machineWith('one')).build(), { compiled: 0, remote: 2 });
  const other = await (await machineWith('two')).build();
  t.like(other, { compiled: 2, remote: 0 });
  t.regex(other.why[1]!, /^the remote cache has it for another toolchain: toolchain executable changed/);
});

test.serial('records of unknown keys are rejected, with one warning', async t => {
  const { url } = await TestServer.start(t);
  const stranger = generateSigningKey();
  const first = await remoteMachine(t, { url, signingKey: stranger.privateKey, trust: [] });
  await first.build();
  const second = await remoteMachine(t, { url });
  const built = await second.build();
  t.like(built, { compiled: 2, remote: 0 });
  t.is(built.warnings.length, 1);
  t.true(built.warnings[0]!.includes(stranger.publicKey), built.warnings[0]);
});

inFull('a record under the fingerprint of another target is rejected', async t => {
  const server = await TestServer.start(t);
  const first = await remoteMachine(t, { url: server.url, signingKey });
  await first.build();
  const records = [...server.stored.keys()].filter(key => key.startsWith('/ac/'));
  const contents = records.map(key => server.stored.get(key)!);
  for (const [index, key] of records.entries())
    server.stored.set(key, contents[(index + 1) % records.length]!);
  const built = await (await remoteMachine(t, { url: server.url })).build();
  t.like(built, { compiled: 2, remote: 0, failed: 0 });
  t.is(built.warnings.length, 1);
});

inFull('an entry that lost a file is compiled and uploaded again, and other machines get it', async t => {
  const server = await TestServer.start(t);
  const { url } = server;
  const toolchain = { arguments: ['compile.sh', '{name}', '{build}', '{config}/config', 'large'] };
  const first = await remoteMachine(t, { url, signingKey, toolchain });
  const large = 'x'.repeat(9_000).replaceAll('x', () => Math.random().toString(36));
  for (const name of ['key0', 'key1']) await first.write(`config/${name}.h`, `${name}${large}`);
  await first.build();
  const blobs = [...server.stored.keys()].filter(key => key.startsWith('/cas/'));
  t.is(blobs.length, 2);
  server.stored.delete(blobs[0]!);
  const again = async (key?: string) => {
    const machine = await remoteMachine(t, {
      url,
      toolchain,
      ...(key === undefined ? {} : { signingKey: key }),
    });
    for (const name of ['key0', 'key1']) await machine.write(`config/${name}.h`, `${name}${large}`);
    return machine.build();
  };
  t.like(await again(signingKey), { compiled: 1, remote: 1, failed: 0 });
  t.true(server.stored.has(blobs[0]!));
  t.like(await again(), { compiled: 0, remote: 2 });
});

test.serial(
  'firmware that depends on a file of this machine is only cached here, and the file is named',
  async t => {
    const server = await TestServer.start(t);
    const first = await remoteMachine(t, { url: server.url, signingKey });
    const outside = path.join(first.root, 'outside.h');
    writeFileSync(outside, 'outside');
    await first.write('compile.sh', `${COMPILER}\necho "x: ${outside}" >> "$2/read.d"`);
    const built = await first.build();
    t.like(built, { compiled: 2 });
    for (const event of built.events)
      if (event.type === 'target-finished') t.is(event.bound, `it depends on ${outside}`);
    t.false(server.log.some(line => line.startsWith('PUT')));
    t.like(await first.build(), { compiled: 0, cached: 2 });
  },
);

test.serial(
  'offline, without the cache, and for toolchains that are not shared the server is not asked',
  async t => {
    const server = await TestServer.start(t);
    const machine = await remoteMachine(t, { url: server.url, signingKey });
    t.like(await machine.build({ offline: true }), { compiled: 2 });
    t.like(await machine.build({ cache: false }), { compiled: 2 });
    t.is(server.seen.length, 0);
  },
);

inFull('without a signing key nothing is uploaded, which is reported, and everything else works', async t => {
  const server = await TestServer.start(t);
  await (await remoteMachine(t, { url: server.url, signingKey })).build();
  const machine = await remoteMachine(t, { url: server.url });
  process.env.GLOVEBOX_REMOTE_MODE = 'read-write';
  t.teardown(() => delete process.env.GLOVEBOX_REMOTE_MODE);
  const built = await machine.build();
  t.like(built, { compiled: 0, remote: 2 });
  t.regex(built.warnings.join('\n'), /^There is no key to sign with, so the remote cache is only read\./);
});

(NO_NGINX ? test.skip : test.serial)(
  `two machines share entries through nginx, to which only one of them may write${NO_NGINX ? ` (${NO_NGINX})` : ''}`,
  async t => {
    const nginx = await Nginx.start(t);
    process.env.GLOVEBOX_REMOTE_TOKEN = WRITER;
    const first = await remoteMachine(t, { url: nginx.url, signingKey });
    const made = await first.build();
    delete process.env.GLOVEBOX_REMOTE_TOKEN;
    t.like(made, { compiled: 2, warnings: [] });
    const written = nginx.log.length;
    const second = await remoteMachine(t, { url: nginx.url });
    const built = await second.build();
    t.like(built, { compiled: 0, remote: 2, firmware: made.firmware, warnings: [] });
    t.false(nginx.log.slice(written).some(line => line.startsWith('PUT')));
    // One byte of every stored file, one after another.
    const files = readdirSync(nginx.store, { recursive: true, withFileTypes: true })
      .filter(entry => entry.isFile())
      .map(entry => path.join(entry.parentPath, entry.name));
    for (const file of files) {
      const sound = readFileSync(file);
      const damaged = Buffer.from(sound);
      const place = Math.floor(sound.length / 2);
      damaged[place] = damaged[place]! ^ 1;
      writeFileSync(file, damaged);
      const third = await remoteMachine(t, { url: nginx.url });
      t.like(await third.build(), { failed: 0, firmware: made.firmware }, file);
      writeFileSync(file, sound);
    }
  },
);
