import { chmodSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import test from 'ava';
import { isLoopback, type RemoteOptions, resolveRemoteOptions } from '../../../src/cache/remote/options.ts';
import { generateSigningKey, parseSigningKey, parseTrustedKey } from '../../../src/cache/remote/signing.ts';
import { temporaryDirectory } from '../../support/temporary.ts';

const { publicKey, privateKey } = generateSigningKey();
const URL = 'https://cache.example.org/team';
const resolve = (options: Partial<RemoteOptions> = {}) =>
  resolveRemoteOptions({ url: URL, trust: [publicKey], ...options });
const error = (message: RegExp) => ({ code: 'GLOVEBOX_INVALID_ARGUMENT', message });

test('by default the tier only reads', t => {
  t.like(resolve(), { mode: 'read', signingKey: undefined, authorization: undefined, maxSize: 2 ** 30 });
});

test('writing needs a key to sign with, which is trusted as well', t => {
  t.throws(() => resolve({ mode: 'read-write' }), error(/keygen.*GLOVEBOX_SIGNING_KEY/));
  const settings = resolve({ mode: 'read-write', signingKey: privateKey, trust: [] });
  t.deepEqual(
    settings.trust.map(key => key.publicKey),
    [publicKey],
  );
  t.is(resolve({ mode: 'read-write', signingKey: privateKey }).trust.length, 1);
});

test('a remote cache without any trusted key is an error', t => {
  t.throws(() => resolve({ trust: [] }), error(/remote\.trust is empty/));
  t.throws(() => resolve({ trust: undefined }), error(/remote\.trust is empty/));
});

test('without encryption, keys must be listed, except on localhost', t => {
  const url = 'http://cache.example.org';
  t.throws(() => resolve({ url, trust: [], signingKey: privateKey }), error(/use https/));
  t.notThrows(() => resolve({ url }));
  for (const local of ['http://localhost:8080', 'http://127.0.0.1', 'http://[::1]:9000/']) {
    t.notThrows(() => resolve({ url: local, trust: [], signingKey: privateKey }), local);
  }
  for (const host of ['127.0.0.1.example.org', 'localhost.example.org', '128.0.0.1', '[::2]']) {
    t.false(isLoopback(host), host);
  }
});

test('user and password are sent, and shown in no message', t => {
  const settings = resolve({ url: 'https://ci:p%40ss@cache.example.org/' });
  t.is(settings.authorization, `Basic ${Buffer.from('ci:p@ss').toString('base64')}`);
  t.is(settings.url.href, 'https://cache.example.org/');
  t.is(resolve({ token: 'ci:secret' }).authorization, `Basic ${Buffer.from('ci:secret').toString('base64')}`);
  t.is(resolve({ token: 'secret' }).authorization, 'Bearer secret');
  const wrong = t.throws(() => resolve({ url: 'ftp://ci:secret@cache.example.org/' }));
  t.false(wrong?.message.includes('secret'));
  t.regex(resolve({ token: 'ci:pässwort' }).authorization!, /^Basic /);
  for (const token of ['a\r\nX-Evil: b', 'a b', 'schlüssel', 'ci:\n']) {
    t.throws(() => resolve({ token }), error(/GLOVEBOX_REMOTE_TOKEN.*character/));
  }
});

test('an invalid value is an error that names the option', t => {
  for (const url of ['', 'cache', '/tmp', 'ftp://a', 'https://a/?b', 'https://a/#b', 5 as never]) {
    t.throws(() => resolve({ url }), error(/remote\.url/));
  }
  t.throws(() => resolve({ mode: 'write' as never }), error(/remote\.mode/));
  t.throws(() => resolve({ maxSize: 0 }), error(/remote\.maxSize/));
  for (const key of [
    '',
    'abc',
    publicKey.slice(1),
    `${publicKey}=`,
    privateKey,
    publicKey.replace(/.=$/, 'B='),
    5 as never,
  ]) {
    t.throws(() => resolve({ trust: [key] }), error(/remote\.trust/));
  }
});

test('a private key is PEM or 32 bytes in base64, and an error does not repeat it', t => {
  const seed = Buffer.from(privateKey.split('\n')[1]!, 'base64').subarray(-32).toString('base64');
  t.is(parseSigningKey(seed).publicKey, publicKey);
  t.is(parseSigningKey(privateKey).publicKey, publicKey);
  const data = Buffer.from('data');
  t.true(parseTrustedKey(publicKey).verify(data, parseSigningKey(seed).sign(data)));
  const broken = privateKey.replace('MC4C', 'MC4D');
  const wrong = t.throws(() => parseSigningKey(broken), error(/not an Ed25519 private key/));
  t.false(wrong.message.includes(privateKey.split('\n')[1]!.slice(8, 40)));
});

test('a key file that other users can read is not used', async t => {
  const file = path.join(await temporaryDirectory(t), 'key.pem');
  writeFileSync(file, privateKey, { mode: 0o600 });
  t.is(resolve({ signingKey: file }).signingKey?.publicKey, publicKey);
  if (process.platform !== 'win32') {
    chmodSync(file, 0o640);
    t.throws(() => resolve({ signingKey: file }), error(/mode 640.*chmod 600/));
  }
  t.throws(() => resolve({ signingKey: `${file}.not` }), error(/cannot be read \(ENOENT\)/));
});
