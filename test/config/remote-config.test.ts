import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import test from 'ava';
import { generateSigningKey } from '../../src/cache/remote/signing.ts';
import {
  createUserConfig,
  loadUserConfig,
  remoteOptionsFor,
  signingKeyFile,
} from '../../src/config/index.ts';
import { temporaryDirectory } from '../support/temporary.ts';

const { publicKey, privateKey } = generateSigningKey();
const other = generateSigningKey();
const URL = 'https://cache.example.org/team';
// A directory without a key of the user who runs the tests.
const NOWHERE = { HOME: '/nonexistent', XDG_CONFIG_HOME: '/nonexistent' };

test('a config file sets the address of the remote cache, the trusted keys, and what is shared', async t => {
  const directory = await temporaryDirectory(t);
  const file = path.join(directory, 'glovebox.config.yaml');
  writeFileSync(
    file,
    `remote:\n  url: ${URL}\n  mode: read-write\n  trust:\n    - ${publicKey} ci\n  share: [container, west]\n`,
  );
  const config = await loadUserConfig({ file, userDirectory: directory });
  const trust = [`${publicKey} ci`];
  t.deepEqual(config.remote, { url: URL, mode: 'read-write', trust, share: ['container', 'west'] });
  t.like(remoteOptionsFor(config, NOWHERE), { url: URL, mode: 'read-write', trust, signingKey: undefined });
});

test('without an address there is no remote cache', t => {
  t.is(remoteOptionsFor(createUserConfig(), NOWHERE), undefined);
  t.is(remoteOptionsFor(createUserConfig({ remote: { trust: [publicKey] } }), NOWHERE), undefined);
});

for (const [what, remote, message] of [
  [
    'an address without a scheme',
    { url: 'cache.example.org' },
    /remote\.url is "cache\.example\.org".*https:/,
  ],
  ['an address of a file', { url: 'file:///tmp' }, /remote\.url/],
  ['an address with a query', { url: `${URL}?a=b` }, /remote\.url/],
  ['an unknown mode', { mode: 'write' }, /remote\.mode is "write".*read, read-write/],
  ['a key that is too short', { trust: [publicKey, 'abc='] }, /remote\.trust\[1\] is "abc=".*Ed25519/],
  ['one key in place of a list', { trust: publicKey }, /remote\.trust.*list/],
  ['an unknown toolchain', { share: ['make'] }, /remote\.share.*west, container, command/],
  ['an unknown field', { adress: URL }, /remote\.adress is not a field/],
] as const) {
  test(`${what} is an error that names the field and what is allowed`, t => {
    t.throws(() => createUserConfig({ remote: remote as never }), { code: 'GLOVEBOX_CONFIG', message });
  });
}

test('the environment takes precedence over the config, each variable for itself', t => {
  const config = createUserConfig({ remote: { url: URL, mode: 'read', trust: [publicKey] } });
  const environment = {
    ...NOWHERE,
    GLOVEBOX_REMOTE: 'https://another.example.org',
    GLOVEBOX_REMOTE_MODE: 'read-write',
    GLOVEBOX_REMOTE_TOKEN: 'secret',
    GLOVEBOX_REMOTE_TRUST: `${other.publicKey} laptop, ${publicKey}`,
    GLOVEBOX_SIGNING_KEY: privateKey,
  };
  t.deepEqual(remoteOptionsFor(config, environment), {
    url: 'https://another.example.org',
    mode: 'read-write',
    token: 'secret',
    trust: [`${other.publicKey} laptop`, publicKey],
    signingKey: privateKey.trim(),
  });
  t.like(remoteOptionsFor(config, { ...NOWHERE, GLOVEBOX_REMOTE_TOKEN: 'secret' }), {
    url: URL,
    token: 'secret',
    trust: [publicKey],
  });
  t.deepEqual(remoteOptionsFor(config, { ...NOWHERE, NODE_USE_ENV_PROXY: '1' })?.limits, { connectMs: null });
});

test('the environment can turn the remote cache off', t => {
  const config = createUserConfig({ remote: { url: URL, trust: [publicKey] } });
  for (const value of ['0', 'false', 'no', 'OFF']) {
    t.is(remoteOptionsFor(config, { ...NOWHERE, GLOVEBOX_REMOTE: value }), undefined);
  }
  t.is(remoteOptionsFor(config, { ...NOWHERE, GLOVEBOX_REMOTE: '' })?.url, URL);
});

test('an invalid variable is an error that names it', t => {
  const config = createUserConfig({ remote: { url: URL, trust: [publicKey] } });
  for (const [name, value] of [
    ['GLOVEBOX_REMOTE', 'cache.example.org'],
    ['GLOVEBOX_REMOTE_MODE', 'write'],
    ['GLOVEBOX_REMOTE_TRUST', `${publicKey},abc`],
  ] as const) {
    t.throws(() => remoteOptionsFor(config, { ...NOWHERE, [name]: value }), {
      code: 'GLOVEBOX_INVALID_ARGUMENT',
      message: new RegExp(name),
    });
  }
});

test("the user's own key file is used when the environment names no other", async t => {
  const XDG_CONFIG_HOME = await temporaryDirectory(t);
  const environment = { HOME: XDG_CONFIG_HOME, XDG_CONFIG_HOME };
  const config = createUserConfig({ remote: { url: URL } });
  t.is(remoteOptionsFor(config, environment)?.signingKey, undefined);
  const file = signingKeyFile(environment)!;
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, privateKey);
  chmodSync(file, 0o600);
  t.is(remoteOptionsFor(config, environment)?.signingKey, file);
  const elsewhere = { ...environment, GLOVEBOX_SIGNING_KEY: '~/another.pem' };
  t.is(remoteOptionsFor(config, elsewhere)?.signingKey, path.join(XDG_CONFIG_HOME, 'another.pem'));
});
