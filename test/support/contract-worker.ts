// Runs contract cases in a worker thread, one after another.
import { parentPort, workerData } from 'node:worker_threads';
import { createDefaultCache } from '../../src/index.ts';
import { type Backend, ContractContext } from '../cache/contract/context.ts';
import { contract } from '../cache/contract.ts';

const { backend, witnessRoot } = workerData as { backend: Backend; witnessRoot: string };

// Stays open, so that the coordinator's thread sees whether this one really is served by it.
await createDefaultCache({ cacheRoot: witnessRoot, tag: backend, backend }).set('witness', process.pid);

parentPort?.on('message', async (index: number) => {
  try {
    await ContractContext.run(backend, contract[index]!);
    parentPort?.postMessage({ index });
  } catch (error) {
    parentPort?.postMessage({ index, error: (error as Error).stack ?? String(error) });
  }
});
parentPort?.postMessage('ready');
