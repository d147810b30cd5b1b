// The worker side of thread.ts.
import { parentPort } from 'node:worker_threads';
import { revive, tools } from './glovebox.ts';

parentPort?.on('message', async ({ id, source, args }: { id: number; source: string; args: unknown[] }) => {
  try {
    parentPort?.postMessage({ id, value: await revive(source)(tools, ...args) });
  } catch (error) {
    const { name, message, code } = error as Error & { code?: string };
    parentPort?.postMessage({ id, error: { name, message, code } });
  }
});
