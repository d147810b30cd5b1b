// A worker thread that records metrics as a build would, without building.
import { workerData } from 'node:worker_threads';
import { createMetricsService } from '../../../src/builder/metrics.ts';

const { target, times } = workerData as { target: string; times: number };
const service = createMetricsService();
await Promise.all(
  Array.from({ length: times }, () =>
    service.record({ target, result: 'compiled', duration: 2, compileDuration: 1 }),
  ),
);
