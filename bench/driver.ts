// Driver process of a peer: the main thread, which holds the peer's server or coordinator, and its worker threads.
// Started by worker-group.ts with the URL of the peer's module and the number of threads.
import { type MessagePort, Worker } from 'node:worker_threads';
import { quietLoop, withLoopDelay } from './loop-delay.ts';
import { forgetPeak, peakMemory } from './memory.ts';
import type { DriverReply, DriverRequest, Reply, RunReply, ThreadRequest } from './messages.ts';
import { Oracle } from './oracle.ts';
import { loadPeer, type PeerServer } from './peer.ts';
import { writerOf } from './request-sequence.ts';
import { serveRequests } from './requests.ts';
import { dataSetOf } from './store-handle.ts';
import { findWorkload } from './workload.ts';

const [url, threadCount] = process.argv.slice(2) as [string, string];
// Loaded before any worker starts: for some peers, the first thread to load the module becomes their main thread.
const peer = await loadPeer(url);
const workers = Array.from(
  { length: Number(threadCount) },
  () => new Worker(new URL('../workers/bench.ts', import.meta.url), { workerData: url }),
);
for (const worker of workers) worker.setMaxListeners(0);

let server: PeerServer | undefined;
let oracle = new Oracle(0);
let hasWritten = false;

async function answer(request: DriverRequest): Promise<DriverReply> {
  switch (request.type) {
    case 'open': {
      const { directory, data, versions } = request;
      oracle = new Oracle(data.keys + data.absent);
      if (versions) oracle.adopt(versions);
      server = await peer.serve?.(directory, dataSetOf(data));
      const open = (worker: Worker): Promise<unknown> => {
        const port = server?.connect();
        const message: ThreadRequest = { type: 'open', directory, data, oracle: oracle.buffer, port };
        return ask(worker, message, port ? [port] : []);
      };
      // The first worker creates the file.
      await open(workers[0]!);
      await Promise.all(workers.slice(1).map(open));
      return {};
    }
    case 'fill':
      await ask(workers[0]!, request);
      return { versions: oracle.versions() };
    case 'prepare': {
      const { run, versions } = request;
      hasWritten = findWorkload(run.workload).gets < 1;
      const isOtherProcess = (key: number): boolean => {
        const writer = writerOf(key, run.threads);
        return writer < run.thread || writer >= run.thread + run.threadsEach;
      };
      if (versions) oracle.adopt(versions, run.threads > run.threadsEach ? isOtherProcess : undefined);
      const prepare = (worker: Worker, index: number) =>
        ask(worker, { type: 'prepare', run: { ...run, thread: run.thread + index } });
      await Promise.all(workers.map(prepare));
      return {};
    }
    case 'run': {
      forgetPeak();
      const { result: threads, delay } = await withLoopDelay(() =>
        Promise.all(workers.map(worker => ask(worker, request))),
      );
      const memory = peakMemory();
      await quietLoop();
      const run = { threads: threads.map(reply => reply!), loopDelay: delay, memory };
      return hasWritten ? { run, versions: oracle.versions() } : { run };
    }
    case 'verify':
      if (request.versions) oracle.adopt(request.versions);
      // The last thread has written the fewest of them.
      await ask(workers.at(-1)!, { type: 'verify', keys: request.keys });
      return {};
    case 'close':
      await Promise.all(workers.map(worker => ask(worker, request)));
      await server?.close();
      server = undefined;
      return {};
    case 'load':
      throw new Error('A process with worker threads keeps its peer.');
  }
}

function ask(
  worker: Worker,
  request: ThreadRequest,
  transfer: readonly MessagePort[] = [],
): Promise<RunReply | undefined> {
  return new Promise((resolve, reject) => {
    const onMessage = (reply: Reply<RunReply | undefined>): void => {
      stopListening();
      if (reply.ok) resolve(reply.result);
      else reject(new Error(reply.failure));
    };
    const onError = (error: Error): void => {
      stopListening();
      reject(error);
    };
    const onExit = (): void => onError(new Error('A thread ended in the middle of its work.'));
    const stopListening = (): void => {
      worker.off('message', onMessage).off('error', onError).off('exit', onExit);
    };
    worker.on('message', onMessage).on('error', onError).on('exit', onExit);
    worker.postMessage(request, transfer);
  });
}

serveRequests(answer);
