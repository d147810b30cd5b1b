// Trust in remote records: nothing unsigned, nothing of unknown signers, and nothing that was altered or moved is
// accepted.
import test from 'ava';
import {
  decodeRecord,
  encodeRecord,
  type RemoteRecord,
  remoteKey,
} from '../../../src/cache/remote/record.ts';
import { generateSigningKey, parseSigningKey, parseTrustedKey } from '../../../src/cache/remote/signing.ts';
import { TestServer } from './server.ts';
import { getValue, KEY, NOISE, putValue, reader, TEXT, writer, writerKey } from './tier.ts';

const OTHER = remoteKey('value', 'test', 'other');
const SMALL = Buffer.from('a small value');

function rewrite(
  server: TestServer,
  key: string,
  change: (record: Record<string, unknown>) => unknown,
): void {
  const record = JSON.parse(server.stored.get(`/ac/${key}`)!.toString());
  server.stored.set(`/ac/${key}`, Buffer.from(JSON.stringify(change(record))));
}

test('a record that a server has rewritten, with other fields around it, is accepted', async t => {
  const server = await TestServer.start(t);
  await putValue(t, server.url, NOISE);
  rewrite(server, KEY, ({ stdoutRaw }) => ({
    executionMetadata: { worker: 'a server' },
    stdoutRaw,
    outputFiles: [],
  }));
  t.deepEqual(await getValue(reader(t, server.url)), NOISE);
});

test('an unsigned record is a miss, with one warning', async t => {
  const server = await TestServer.start(t);
  await putValue(t, server.url, SMALL);
  rewrite(server, KEY, ({ outputFiles }) => ({ outputFiles, exitCode: 0 }));
  const tier = reader(t, server.url);
  t.is(await getValue(tier), undefined);
  t.is(await getValue(tier), undefined);
  t.like(tier.stats(), { hits: 0, misses: 2, refused: 2, failed: 0, reading: 'closed' });
  t.is(tier.warnings.length, 1);
  t.regex(tier.warnings[0]!, new RegExp(`${KEY} is not signed`));
});

test('a record of an unknown signer is a miss that names the signer', async t => {
  const server = await TestServer.start(t);
  const stranger = generateSigningKey();
  const tier = writer(t, server.url, { signingKey: stranger.privateKey });
  await tier.put(KEY, { kind: 'value', files: [{ name: 'value', bytes: SMALL }] });
  const other = reader(t, server.url);
  t.is(await getValue(other), undefined);
  t.true(other.warnings[0]?.includes(stranger.publicKey));
  // A machine trusts its own records.
  t.deepEqual(await getValue(tier), SMALL);
});

test('a record that was moved under another key is a miss', async t => {
  const server = await TestServer.start(t);
  await putValue(t, server.url, SMALL);
  server.stored.set(`/ac/${OTHER}`, server.stored.get(`/ac/${KEY}`)!);
  const tier = reader(t, server.url);
  t.is(await getValue(tier, OTHER), undefined);
  t.regex(tier.warnings[0]!, new RegExp(`for ${KEY}, and moved`));
});

test('a record of another kind is a miss', async t => {
  const server = await TestServer.start(t);
  await putValue(t, server.url, SMALL);
  const tier = reader(t, server.url);
  t.is(await tier.get(KEY, { kind: 'firmware' }), undefined);
  t.is(tier.stats().refused, 1);
});

test('with any signed byte flipped, the record is rejected', t => {
  const signer = parseSigningKey(writerKey.privateKey);
  const trust = [parseTrustedKey(writerKey.publicKey)];
  const files = [{ name: 'a', size: 1, sha256: 'ab'.repeat(32), mode: null, content: { inline: 'YQ==' } }];
  const record: RemoteRecord = { key: KEY, kind: 'value', created: 1, data: null, files };
  const encoded = encodeRecord(record, signer);
  const asked = { key: KEY, kind: 'value', trust } as const;
  t.deepEqual((decodeRecord(encoded, asked) as { record: RemoteRecord }).record, record);
  const raw = Buffer.from(JSON.parse(encoded.toString()).stdoutRaw, 'base64');
  for (let index = 0; index < raw.length; index++) {
    for (const bit of [1, 32, 128]) {
      const flipped = Buffer.from(raw);
      flipped[index]! ^= bit;
      const bytes = Buffer.from(JSON.stringify({ stdoutRaw: flipped.toString('base64') }));
      t.true('refusal' in decodeRecord(bytes, asked), `bit ${bit} of byte ${index}`);
    }
  }
});

test('with any byte of any stored file flipped, no wrong byte is read', async t => {
  const server = await TestServer.start(t);
  const values = [SMALL, TEXT.subarray(0, 9000), NOISE.subarray(0, 9000)];
  for (const [index, bytes] of values.entries())
    await putValue(t, server.url, bytes, remoteKey('value', `${index}`));
  const tier = reader(t, server.url, { breaker: { failureLimit: Number.POSITIVE_INFINITY } });
  let hits = 0;
  for (const [name, whole] of [...server.stored]) {
    // All of the small ones, and a sample of the large.
    const step = Math.max(1, Math.floor(whole.length / 40));
    for (let at = 0; at < whole.length; at += step) {
      const flipped = Buffer.from(whole);
      flipped[at]! ^= 1 << (at % 8);
      server.stored.set(name, flipped);
      for (const [index, bytes] of values.entries()) {
        const found = await getValue(tier, remoteKey('value', `${index}`));
        if (found === undefined) continue;
        hits++;
        if (!found.equals(bytes)) t.fail(`byte ${at} of ${name}`);
      }
    }
    server.stored.set(name, whole);
  }
  t.true(hits > 100);
  t.true(tier.stats().refused > 50);
});

test('blobs that are swapped or truncated are misses', async t => {
  const server = await TestServer.start(t);
  await putValue(t, server.url, NOISE);
  await putValue(t, server.url, TEXT, OTHER);
  const [first, second] = [...server.stored.keys()].filter(name => name.startsWith('/cas/'));
  const [noise, text] = [server.stored.get(first!)!, server.stored.get(second!)!];
  for (const [one, other] of [
    [text, noise],
    [noise.subarray(1), text.subarray(1)],
    [Buffer.alloc(0), Buffer.alloc(0)],
    [Buffer.concat([noise, noise]), Buffer.concat([text, text])],
  ] as const) {
    server.stored.set(first!, one);
    server.stored.set(second!, other);
    const tier = reader(t, server.url);
    t.is(await getValue(tier), undefined);
    t.is(await getValue(tier, OTHER), undefined);
    t.is(tier.stats().misses, 2);
  }
});

test("a trusted signer's claims about the content are verified too: its size, and that it decompresses to that", async t => {
  const server = await TestServer.start(t);
  await putValue(t, server.url, TEXT);
  const signer = parseSigningKey(writerKey.privateKey);
  const trust = [parseTrustedKey(writerKey.publicKey)];
  const decoded = decodeRecord(server.stored.get(`/ac/${KEY}`)!, { key: KEY, kind: 'value', trust });
  const { record } = decoded as { record: RemoteRecord };
  const [file] = record.files;
  for (const size of [0, 1, TEXT.length - 1, TEXT.length + 1]) {
    server.stored.set(`/ac/${KEY}`, encodeRecord({ ...record, files: [{ ...file!, size }] }, signer));
    t.is(await getValue(reader(t, server.url)), undefined);
  }
});
