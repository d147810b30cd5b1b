// Runs contract cases in a worker thread, one after another.
import { parentPort, workerData } from 'node:worker_threads';
import { createDefaultCache } from '../../src/index.ts';
import { type Backend, ContractContext, type Door } from '../cache/contract/context.ts';
import { contract } from '../cache/contract.ts';

const { backend, witnessRoot } = workerData as { backend: Backend; witnessRoot: string };

// Stays open, so that the coordinator's thread sees whether it really serves this one.
await createDefaultCache({ cacheRoot: witnessRoot, tag: backend, backend }).set('witness', process.pid);

parentPort?.on('message', async ({ index, door }: { index: number; door: Door }) => {
  try {
    await ContractContext.run(backend, contract[index]!, door);
    parentPort?.postMessage({ index, door });
  } catch (error) {
    parentPort?.postMessage({ index, door, error: (error as Error).stack ?? String(error) });
  }
});
parentPort?.postMessage('ready');
