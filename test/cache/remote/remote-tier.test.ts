import { createHash, randomBytes } from 'node:crypto';
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import test from 'ava';
import { remoteKey } from '../../../src/cache/remote/record.ts';
import { temporaryDirectory } from '../../support/temporary.ts';
import { TestServer } from './server.ts';
import { getValue, KEY, NOISE, putValue, reader, TEXT, writer, writerKey } from './tier.ts';

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

for (const [what, bytes] of [
  ['an empty value', Buffer.alloc(0)],
  ['a small value', Buffer.from('small')],
  ['a value that compresses', TEXT],
  ['a value that does not compress', NOISE],
] as const) {
  test(`${what} of one machine can be read on another one`, async t => {
    const server = await TestServer.start(t);
    await putValue(t, server.url, bytes);
    const tier = reader(t, server.url);
    t.deepEqual(await getValue(tier), bytes);
    t.like(tier.stats(), { hits: 1, misses: 0, refused: 0, failed: 0 });
    t.deepEqual(tier.warnings, []);
  });
}

test('files arrive with name, mode and content, and the signer is reported', async t => {
  const server = await TestServer.start(t);
  const directory = await temporaryDirectory(t);
  const contents = {
    'left.uf2': randomBytes(50_000),
    'right.uf2': Buffer.from('x'.repeat(70_000)),
    'a.txt': Buffer.from('a'),
  };
  const files = Object.entries(contents).map(([name, content]) => {
    const file = path.join(directory, name);
    writeFileSync(file, content);
    return { name, path: file, mode: name === 'a.txt' ? 0o755 : 0o600, sha256: sha256(content) };
  });
  const key = remoteKey('firmware', 'fingerprint');
  const data = { compileDuration: 12_000, warnings: ['a warning'] };
  t.is(await writer(t, server.url).put(key, { kind: 'firmware', data, files }), 'stored');

  const tier = reader(t, server.url);
  const hit = await tier.get(key, { kind: 'firmware' });
  t.like(hit, { data, signer: { publicKey: writerKey.publicKey, name: 'the writer' } });
  const into = await temporaryDirectory(t);
  for (const { name, mode, size } of hit!.files) {
    const destination = path.join(into, name);
    t.true(await hit!.getFile(name, destination));
    t.deepEqual(readFileSync(destination), contents[name as keyof typeof contents]);
    t.is(statSync(destination).mode & 0o777, mode!);
    t.is(statSync(destination).size, size);
  }
  t.is(tier.stats().hits, 1);
  t.deepEqual(readdirSync(into).sort(), ['a.txt', 'left.uf2', 'right.uf2']);
});

test("the layout is Bazel's: blobs under their hashes, and a record that names them", async t => {
  const server = await TestServer.start(t);
  await putValue(t, server.url, NOISE);
  const blob = sha256(NOISE);
  t.deepEqual([...server.stored.keys()], [`/cas/${blob}`, `/ac/${KEY}`]);
  const record = JSON.parse(server.stored.get(`/ac/${KEY}`)!.toString());
  t.deepEqual(record.outputFiles, [{ path: 'value', digest: { hash: blob, sizeBytes: '100000' } }]);
  for (const { headers } of server.seen) t.regex(headers['content-length']!, /^\d+$/);
  t.deepEqual(
    server.seen.map(({ headers }) => headers['content-type']),
    ['application/octet-stream', 'application/json'],
  );
  await getValue(reader(t, server.url));
  t.is(server.seen.at(-2)?.headers.accept, 'application/json');
});

test('compressible values are stored compressed, under the hash of the compressed bytes', async t => {
  const server = await TestServer.start(t);
  await putValue(t, server.url, TEXT);
  const [[name, blob] = []] = [...server.stored];
  t.true(blob!.length < TEXT.length / 10);
  t.is(name, `/cas/${sha256(blob!)}`);
});

test('a machine in mode read never writes', async t => {
  const server = await TestServer.start(t);
  const tier = reader(t, server.url);
  t.is(await tier.put(KEY, { kind: 'value', files: [{ name: 'value', bytes: NOISE }] }), 'read-only');
  t.is(await getValue(tier), undefined);
  await tier.close();
  t.deepEqual(server.log, ['GET /ac']);
  t.like(tier.stats(), { misses: 1, stored: 0, notStored: 0 });
});

test('large files are streamed, compressed or not, and leave no temporary files', async t => {
  const server = await TestServer.start(t);
  const directory = await temporaryDirectory(t);
  const contents = [randomBytes(9_000_000), Buffer.alloc(9_000_000, 'firmware')];
  const files = contents.map((content, index) => {
    const file = path.join(directory, `${index}`);
    writeFileSync(file, content);
    return { name: `${index}`, path: file };
  });
  const scratch = await temporaryDirectory(t);
  const machine = writer(t, server.url, { temporaryDirectory: scratch });
  t.is(await machine.put(KEY, { kind: 'value', files }), 'stored');
  t.deepEqual(readdirSync(scratch), []);
  const hit = await reader(t, server.url).get(KEY, { kind: 'value' });
  for (const [index, content] of contents.entries()) {
    const destination = path.join(directory, `${index}.out`);
    t.true(await hit!.getFile(`${index}`, destination));
    t.true(readFileSync(destination).equals(content));
  }
  t.deepEqual(readdirSync(directory).sort(), ['0', '0.out', '1', '1.out']);
  const sizes = [...server.stored.values()].map(({ length }) => length);
  t.true(sizes[0]! >= 9_000_000 && sizes[1]! < 100_000);
});

test('an evicted blob is a miss, and storing again restores blob and record', async t => {
  const server = await TestServer.start(t);
  await putValue(t, server.url, NOISE);
  server.stored.delete(`/cas/${sha256(NOISE)}`);
  const tier = reader(t, server.url);
  t.is(await getValue(tier), undefined);
  t.like(tier.stats(), { hits: 0, misses: 1, refused: 0, failed: 0 });
  t.deepEqual(tier.warnings, []);
  await putValue(t, server.url, NOISE);
  t.deepEqual(await getValue(reader(t, server.url)), NOISE);
});

test('files that were removed or changed are not uploaded', async t => {
  const server = await TestServer.start(t);
  const directory = await temporaryDirectory(t);
  const file = path.join(directory, 'left.uf2');
  const tier = writer(t, server.url);
  const put = (name: string) =>
    tier.put(KEY, {
      kind: 'firmware',
      files: [{ name, path: file, sha256: sha256(Buffer.from('as it was')) }],
    });
  t.is(await put('left.uf2'), 'refused');
  writeFileSync(file, 'as it is now');
  t.is(await put('left.uf2'), 'refused');
  t.deepEqual(server.log, []);
  t.is(tier.warnings.length, 1);
  t.regex(tier.warnings[0]!, /not uploaded.*left\.uf2/);
});

test('entries above the size limit are neither uploaded nor fetched', async t => {
  const server = await TestServer.start(t);
  await putValue(t, server.url, NOISE);
  server.seen.length = 0;
  const small = writer(t, server.url, { maxSize: '50KB' });
  t.is(await small.put(KEY, { kind: 'value', files: [{ name: 'value', bytes: NOISE }] }), 'refused');
  t.is(await getValue(small), undefined);
  t.deepEqual(server.log, ['GET /ac']);
  // Small files of an entry are counted together.
  const files = ['one', 'two', 'three'].map(name => ({ name, bytes: NOISE.subarray(0, 20_000) }));
  t.is(await small.put(KEY, { kind: 'value', files }), 'refused');
  t.is(await writer(t, server.url).put(KEY, { kind: 'value', files }), 'stored');
  t.is(await small.get(KEY, { kind: 'value' }), undefined);
  t.is(small.stats().refused, 2);
});

test('invalid keys, names and data are errors of the caller', async t => {
  const tier = writer(t, 'http://127.0.0.1:9');
  const error = { code: 'GLOVEBOX_INVALID_ARGUMENT' };
  for (const key of ['', 'key', KEY.toUpperCase(), `${KEY}0`, '../../etc/passwd'.padEnd(64, '0')]) {
    await t.throwsAsync(tier.get(key, { kind: 'value' }), error, key);
    await t.throwsAsync(tier.put(key, { kind: 'value', files: [] }), error, key);
  }
  for (const name of ['', '.', '..', 'a/b', 'a\\b', 'a\nb', 'a'.repeat(256)]) {
    const files = [{ name, bytes: NOISE }];
    await t.throwsAsync(tier.put(KEY, { kind: 'value', files }), error, name);
  }
  const twice = [NOISE, NOISE].map(bytes => ({ name: 'same', bytes }));
  await t.throwsAsync(tier.put(KEY, { kind: 'value', files: twice }), error);
  const circle: unknown[] = [];
  circle.push(circle);
  for (const data of [circle, 1n, () => 1]) {
    await t.throwsAsync(tier.put(KEY, { kind: 'value', data, files: [] }), error);
  }
});

test('a manifest counts against the budget until what it leads to was found', async t => {
  const server = await TestServer.start(t);
  const first = writer(t, server.url);
  const [step, firmware] = [remoteKey('manifest', 'one'), remoteKey('firmware', 'one')];
  const files = [{ name: 'content', bytes: Buffer.from('content') }];
  await Promise.all([
    first.put(step, { kind: 'manifest', files }),
    first.put(firmware, { kind: 'firmware', files }),
  ]);
  await first.close();
  let now = 0;
  server.misbehavior = (_request, _response, well) => {
    now += 1_000;
    return well();
  };
  const second = reader(t, server.url, { budget: { budgetMs: 60_000, now: () => now } });
  // In seconds: bytes that arrive give back a few milliseconds.
  const waited = () => Math.round(second.stats().waitedMs / 1_000);
  const manifest = await second.get(step, { kind: 'manifest' });
  t.truthy(await manifest!.getBytes('content'));
  t.is(waited(), 1);
  const hit = await second.get(firmware, { kind: 'firmware' });
  t.is(waited(), 2);
  t.truthy(await hit!.getBytes('content'));
  t.is(waited(), 1);
  manifest!.paidOff();
  t.is(waited(), 0);
});
