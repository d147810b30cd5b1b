// Benchmark worker thread: opens a peer's stores and runs the workloads that the main thread of its process
// requests.
import { setTimeout } from 'node:timers/promises';
import { parentPort, workerData } from 'node:worker_threads';
import { type ClientContext, runClient, set } from '../bench/client.ts';
import { sharedTime } from '../bench/clock.ts';
import { Histogram } from '../bench/histogram.ts';
import { History } from '../bench/history.ts';
import type { Reply, RunReply, RunRequest, ThreadRequest } from '../bench/messages.ts';
import { loadPeer, type PeerStore } from '../bench/peer.ts';
import { drawRequests, sequenceLength } from '../bench/request-sequence.ts';
import { open, type StoreHandle, verify } from '../bench/store-handle.ts';
import { ByteValues } from '../bench/values.ts';
import { findWorkload, Kind, PRODUCER_MS } from '../bench/workload.ts';

// Maximum length of one thread's request sequence.
const MAX_REQUESTS = 1 << 15;
// Number of entries stored at once while filling a store.
const CHUNK = 512;

const loading = loadPeer(workerData as string);

let opened: StoreHandle | undefined;
let prepared: { run: RunRequest; context: ClientContext } | undefined;

async function answer(request: ThreadRequest): Promise<RunReply | undefined> {
  if (request.type === 'open') {
    opened = await open(await loading, request);
    return undefined;
  }
  const current = opened!;
  switch (request.type) {
    case 'fill':
      await fill(current);
      return undefined;
    case 'prepare':
      prepared = { run: request.run, context: prepare(current, request.run) };
      if (request.run.readsAll) await readAll(current);
      return undefined;
    case 'run':
      return prepared!.run.id ? stampede(current, prepared!.run) : run(prepared!);
    case 'verify':
      await verify(current, request.keys);
      return undefined;
    case 'close':
      await current.peerStore.close();
      opened = undefined;
      prepared = undefined;
      return undefined;
  }
}

async function fill(current: StoreHandle): Promise<void> {
  const { peerStore, store, oracle, values, keys, nameOf } = current;
  const context = { store, values, oracle, nameOf, history: undefined };
  for (let first = 0; first < keys; first += CHUNK) {
    const chunk = Array.from({ length: Math.min(CHUNK, keys - first) }, (_, index) => first + index);
    // Large values share one buffer, so each is stored before the next is made.
    if (store !== peerStore || (values.make(0, 0) as Uint8Array).length > 4096) {
      for (const key of chunk) await set(context, key);
    } else if (peerStore.setMany) {
      const versions = chunk.map(key => oracle.issueSet(key));
      await peerStore.setMany(chunk.map((key, index) => [nameOf(key), values.make(key, versions[index]!)]));
      for (const [index, key] of chunk.entries()) oracle.acknowledge(key, versions[index]!);
    } else {
      await Promise.all(chunk.map(key => set(context, key)));
    }
  }
}

async function readAll({ store, keys, nameOf }: StoreHandle): Promise<void> {
  for (let key = 0; key < keys; key++) await store.get(nameOf(key));
}

function prepare({ store, values, oracle, nameOf }: StoreHandle, request: RunRequest): ClientContext {
  const found = findWorkload(request.workload);
  const workload = { ...found, data: { ...found.data, keys: request.keys, absent: request.absent } };
  const share = { writer: request.thread, writers: request.threads };
  const count = sequenceLength(request.milliseconds, MAX_REQUESTS);
  const requests = drawRequests(workload, share, request.seed * 1000 + request.thread, count);
  return {
    store,
    values,
    oracle,
    requests,
    names: Array.from(requests.keys, nameOf),
    nameOf,
    histograms: Object.values(Kind).map(() => new Histogram()),
    deadline: 0,
    next: 0,
    busy: new Set(),
    deleted: [],
    history: request.threads > request.threadsEach ? new History() : undefined,
  };
}

async function run({
  run: { workload, milliseconds },
  context,
}: NonNullable<typeof prepared>): Promise<RunReply> {
  const clients = findWorkload(workload).inFlight;
  const started = performance.now();
  context.deadline = started + milliseconds;
  const results = await Promise.all(Array.from({ length: clients }, () => runClient(context)));
  return {
    misses: results.reduce((sum, result) => sum + result.misses, 0),
    started: sharedTime(started),
    ended: sharedTime(Math.max(...results.map(result => result.ended))),
    histograms: context.histograms.map(histogram => histogram.data()),
    history: context.history?.data(),
    stampede: undefined,
  };
}

// The value's version identifies the thread that made it.
async function stampede({ peerStore }: StoreHandle, { id, thread }: RunRequest): Promise<RunReply> {
  const values = new ByteValues(findWorkload('stampede').data.size);
  let produced: number | undefined;
  const produce = async (): Promise<Buffer> => {
    await setTimeout(PRODUCER_MS);
    const value = values.make(0, thread + 1);
    produced = performance.now();
    return value;
  };
  const started = performance.now();
  const value = await (peerStore.getOrSet?.(id, produce) ?? getOrSet(peerStore, id, produce));
  const done = performance.now();
  const histograms = Object.values(Kind).map(() => new Histogram());
  histograms[Kind.get]!.record(done - started);
  return {
    misses: 0,
    started: sharedTime(started),
    ended: sharedTime(done),
    histograms: histograms.map(histogram => histogram.data()),
    history: undefined,
    stampede: {
      produced: produced === undefined ? undefined : sharedTime(produced),
      done: sharedTime(done),
      maker: values.versionOf(0, value, true) - 1,
    },
  };
}

async function getOrSet(store: PeerStore, key: string, produce: () => Promise<Buffer>): Promise<unknown> {
  const found = await store.get(key);
  if (found !== undefined) return found;
  const value = await produce();
  await store.set(key, value);
  return value;
}

parentPort!.on('message', async (request: ThreadRequest) => {
  let reply: Reply<RunReply | undefined>;
  try {
    reply = { ok: true, result: await answer(request) };
  } catch (error) {
    reply = { ok: false, failure: error instanceof Error ? error.message : String(error) };
  }
  parentPort!.postMessage(reply);
});
