// One worker thread of the chaos run.
import { parentPort, workerData } from 'node:worker_threads';
import { connect } from '../../src/cache/storage/sqlite/connection.ts';
import { type ClientConfig, runClient } from './client.ts';

let isOver = false;
parentPort!.once('message', () => {
  isOver = true;
});
// Loads SQLite's binding, see process.ts.
connect(':memory:', {}).close();
parentPort!.postMessage('loaded');
await runClient(workerData as ClientConfig, () => isOver);
