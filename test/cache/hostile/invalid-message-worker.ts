// A worker thread that knows the protocol and breaks it. Reports how many of its messages should be dropped.
import { once } from 'node:events';
import { join } from 'node:path';
import { MessageChannel, type MessagePort, parentPort, threadId, workerData } from 'node:worker_threads';
import { type Remote, wrap } from 'comlink';
import nodeEndpoint from 'comlink/dist/esm/node-adapter.mjs';
import fc from 'fast-check';
import { PROTOCOL_VERSION } from '../../../src/cache/client/handshake.ts';
import type { CoordinatorApi, OpenRequest } from '../../../src/cache/protocol.ts';

const { port, cacheRoot, outside, seed } = workerData as {
  port: MessagePort;
  cacheRoot: string;
  outside: string;
  seed: number;
};

interface Ports {
  control: MessagePort;
  writes: MessagePort;
  remote: Remote<CoordinatorApi>;
}

function connect(): Ports {
  const control = new MessageChannel();
  const writes = new MessageChannel();
  const hello = {
    glovebox: PROTOCOL_VERSION,
    thread: threadId,
    control: control.port2,
    writes: writes.port2,
  };
  port.postMessage(hello, [control.port2, writes.port2]);
  return {
    control: control.port1,
    writes: writes.port1,
    remote: wrap<CoordinatorApi>(nodeEndpoint(control.port1)),
  };
}

const request = (changes: Partial<OpenRequest> = {}): OpenRequest => ({
  tag: 'shared',
  cacheRoot,
  backend: 'sqlite',
  maxSize: 2 ** 31,
  policy: 'least-recently-used',
  explicit: { maxSize: false, policy: false, allowUntrusted: false },
  timeout: 30_000,
  allowUntrusted: false,
  ...changes,
});

let dropped = 0;

/** Sends the message, if it can be sent at all; it should be dropped, `times` times. */
function send(to: MessagePort, message: unknown, times = 1): void {
  try {
    to.postMessage(message);
    dropped += times;
  } catch {
    // Not cloneable: nothing of it has left this thread.
  }
}

const anything = fc.sample(
  fc.anything({ withBigInt: true, withDate: true, withMap: true, withSet: true, withTypedArray: true }),
  { numRuns: 300, seed },
);
const cyclic: unknown[] = [];
cyclic.push(cyclic, { cyclic });
const holes: unknown[] = [];
holes.length = 2 ** 32 - 1;
const invalid: unknown[] = [
  ...anything,
  cyclic,
  holes,
  'x'.repeat(2 ** 22),
  new Uint8Array(2 ** 22),
  new Error('no'),
];

const { control, writes, remote } = connect();
const opened = await remote.open(request());
if (!opened.ok) throw new Error(opened.message);
const { instance, directory } = opened.value;

for (const message of invalid) {
  port.postMessage(message);
  dropped++;
  // An empty batch asks for nothing.
  if (!(Array.isArray(message) && message.length === 0)) send(writes, message);
  send(control, message);
}

const HASH = 'ab'.repeat(32);
const value = { encoding: 1, data: 'x', blob: null, checksum: 1, size: 1, mode: null };
const blob = { encoding: 2, data: null, blob: HASH, checksum: 0, size: 1, mode: null };
const set = { type: 'set', key: 'k', value, expires: null };
const temporary = join(
  directory!,
  'blobs',
  'tmp',
  `${process.pid}-00000000-00000000-0000-0000-0000-000000000000`,
);
const badOperations: unknown[] = [
  ...invalid,
  null,
  {},
  { type: 'drop' },
  { type: 'constructor' },
  { type: '__proto__' },
  { type: 'lease', key: 'k', lease: { token: 't', pid: 1, host: 'h', started: 1 } },
  { type: 'release', key: 'k', token: 't' },
  { type: 'set' },
  { ...set, key: '' },
  { ...set, key: 7 },
  { ...set, key: 'x'.repeat(1025) },
  { ...set, key: '\ud800' },
  { ...set, expires: 'never' },
  { ...set, expires: Number.NaN },
  { ...set, expires: 1.5 },
  { ...set, onlyIfAbsent: 'yes' },
  { ...set, lease: 1 },
  { ...set, more: 1 },
  { ...set, value: undefined },
  { ...set, value: { ...value, data: null } },
  { ...set, value: { ...value, data: 7 } },
  { ...set, value: { ...value, encoding: 'text' } },
  { ...set, value: { ...value, encoding: 99 } },
  { ...set, value: { ...value, checksum: -1 } },
  { ...set, value: { ...value, size: 2 } },
  { ...set, value: { ...value, size: Number.POSITIVE_INFINITY } },
  { ...set, value: { ...value, mode: 0o4755 } },
  { ...set, value: { ...value, temporary } },
  { ...set, value: blob },
  { ...set, value: { ...blob, temporary, blob: '../../../../etc/passwd' } },
  { ...set, value: { ...blob, temporary, blob: HASH.toUpperCase() } },
  { ...set, value: { ...blob, temporary: outside } },
  { ...set, value: { ...blob, temporary: `${directory}/blobs/tmp/../../cache.db` } },
  { ...set, value: { ...blob, temporary: join(directory!, 'cache.db') } },
  {
    ...set,
    value: { ...blob, temporary: `${directory}/blobs/tmp/../tmp/${process.pid}-00000000-${'0'.repeat(36)}` },
  },
  { type: 'set-many', entries: [{ key: 'k', value: { ...blob, temporary: outside } }], expires: null },
  { type: 'set-many', entries: holes, expires: null },
  { type: 'set-many', entries: { length: 1 }, expires: null },
  { type: 'delete', keys: 'k' },
  { type: 'delete', keys: holes },
  { type: 'touch', key: 'k' },
  { type: 'increment', key: 'k', by: '1', expires: null },
  { type: 'increment', key: 'k', by: Number.NaN, expires: null },
  { type: 'access', entries: [['k', 1]] },
  { type: 'access', entries: [['k', -1, 0]] },
];
for (const [index, operation] of badOperations.entries())
  send(writes, [[index, instance, 0, operation, null]]);
for (const now of ['now', Number.NaN, Number.POSITIVE_INFINITY, null, 0.5]) {
  send(writes, [[0, instance, now, { type: 'clear' }, null]]);
}
send(writes, [[-1, instance, 0, { type: 'clear' }, null]]);
send(writes, [['0', instance, 0, { type: 'clear' }, null]]);
send(writes, [[0, instance, 0]]);
send(writes, [[0, instance, 0, { type: 'clear' }]]);
for (const until of [undefined, 'soon', Number.NaN, 0.5]) {
  send(writes, [[0, instance, 0, { type: 'clear' }, until]]);
}
send(writes, [[0, instance, 0, { type: 'clear' }, null, 0]]);

const raw = (...values: unknown[]) => values.map(item => ({ type: 'RAW', value: item }));
const call = { id: 'a', type: 'APPLY', path: ['stats'], argumentList: raw(instance) };
const badCalls: unknown[] = [
  { ...call, id: 7 },
  { ...call, type: 'GET' },
  { ...call, type: 'SET', value: { type: 'RAW', value: 1 } },
  { ...call, type: 'CONSTRUCT' },
  { ...call, type: 'ENDPOINT', path: [] },
  { ...call, type: 'RELEASE', path: [] },
  { ...call, path: [] },
  { ...call, path: ['constructor'] },
  { ...call, path: ['__proto__', 'toString'] },
  { ...call, path: ['stats', 'call'] },
  { ...call, path: 'stats' },
  { ...call, path: { length: 1, 0: 'stats' } },
  { ...call, path: holes },
  { ...call, argumentList: undefined },
  { ...call, argumentList: [] },
  { ...call, argumentList: raw(instance, 1) },
  { ...call, argumentList: raw('1') },
  { ...call, argumentList: [null] },
  { ...call, argumentList: [7] },
  { ...call, argumentList: holes },
  { ...call, argumentList: [{ type: 'HANDLER', name: 'throw', value: { isError: false, value: 1 } }] },
  { ...call, argumentList: [{ type: 'HANDLER', name: 'proxy', value: null }] },
  { ...call, argumentList: [{ type: 'HANDLER', name: 'nobody', value: null }] },
  ...invalid.map(item => ({ ...call, path: ['open'], argumentList: raw(item) })),
  ...[
    { tag: 7 },
    { cacheRoot: 'relative' },
    { cacheRoot: '/tmp/\0' },
    { backend: 'oracle' },
    { maxSize: -1 },
    { maxSize: '2GB' },
    { policy: 'random' },
    { explicit: null },
    { timeout: Number.NaN },
    { timeout: 0 },
    { allowUntrusted: 1 },
    { more: 1 },
  ].map(changes => ({ ...call, path: ['open'], argumentList: raw({ ...request(), ...changes }) })),
  { ...call, path: ['read'], argumentList: raw(instance, '') },
  { ...call, path: ['page'], argumentList: raw(instance, '', '', 'now', false) },
  ...[
    { wait: Number.NaN },
    { timeout: 0 },
    { holding: undefined },
    { holding: [1] },
    { holding: ['x'.repeat(101)] },
    { more: 1 },
  ].map(changes => ({
    ...call,
    path: ['lease'],
    argumentList: raw(instance, 1, { key: 'k', now: 0, wait: 1, timeout: 1, holding: [], ...changes }),
  })),
  { ...call, path: ['holds'], argumentList: raw(instance, 'k', 'x'.repeat(101)) },
  { ...call, path: ['readFailed'], argumentList: raw(instance, {}, 'SQLITE_CORRUPT', 0) },
];
for (const message of badCalls) send(control, message);

// An invalid tag is answered: the caller needs to know why.
const refused: string[] = [];
for (const tag of ['..', '.', 'a/b', '/etc', 'a\0', 'con', '']) {
  const reply = await remote.open(request({ tag }));
  if (!reply.ok) refused.push(reply.code);
}

// Valid messages are still answered, on both ports.
writes.postMessage([[4711, instance, 1, { type: 'set', key: 'alive', value, expires: null }, null]]);
let isAnswered = false;
while (!isAnswered) {
  const [results] = (await once(writes, 'message')) as [[number, unknown][]];
  isAnswered = results.some(([id]) => id === 4711);
}
await remote.aggregatedStats();

// Many connections that are opened and abandoned at every stage, and one that opens again and again. They are kept
// referenced: for a collected one Comlink would send its own message, which would be dropped too.
const given: unknown[] = [];
Object.assign(globalThis, { given });
for (let index = 0; index < 300; index++) {
  const ports = connect();
  given.push(ports);
  if (index % 3 === 0) ports.control.close();
  else if (index % 3 === 1) ports.writes.close();
  else {
    void ports.remote.open(request());
    ports.control.close();
  }
}
const many = connect();
const opens: Promise<unknown>[] = [];
for (let index = 0; index < 3000; index++) opens.push(many.remote.open(request()));
await Promise.all(opens);
many.writes.close();

parentPort!.postMessage({ dropped, refused });
// Until it is terminated, with its last ports still open.
control.ref();
