// JSON-lines protocol for peers that are programs in another language.

import type { DriverReply, DriverRequest, Reply } from './messages.ts';
import { drawRequests, sequenceLength } from './request-sequence.ts';
import { findWorkload } from './workload.ts';

// Maximum request sequence of such a program: it is sent as JSON each time, and the program is slower.
const MAX_REQUESTS = 1 << 14;

/**
 * Encodes a request as one line. Versions are arrays, the workload is included, and `prepare` contains the request
 * sequence (`kinds` and little-endian 32-bit `keys`, both in base64).
 */
export function toJson(request: DriverRequest): string {
  const versions = 'versions' in request ? request.versions && Array.from(request.versions) : undefined;
  if (request.type === 'open') {
    const { data } = findWorkload(request.data.workload);
    return JSON.stringify({
      ...request,
      versions,
      data: { ...data, keys: request.data.keys, absent: request.data.absent },
    });
  }
  if (request.type !== 'prepare') return JSON.stringify({ ...request, versions });
  const { run } = request;
  const found = findWorkload(run.workload);
  const workload = { ...found, data: { ...found.data, keys: run.keys, absent: run.absent } };
  const requests = drawRequests(
    workload,
    { writer: run.thread, writers: run.threads },
    run.seed * 1000 + run.thread,
    sequenceLength(run.milliseconds, MAX_REQUESTS),
  );
  const base64 = (array: Uint8Array | Uint32Array) => Buffer.from(array.buffer).toString('base64');
  return JSON.stringify({
    ...request,
    versions,
    workload,
    draws: { kinds: base64(requests.kinds), keys: base64(requests.keys) },
  });
}

/** Decodes a reply from one line: as in messages.ts, but with arrays for typed arrays. */
export function fromJson(line: string): Reply<DriverReply> {
  const reply = JSON.parse(line) as Reply<DriverReply>;
  if (!reply.ok) return reply;
  const { versions, run } = reply.result;
  if (versions) reply.result.versions = Int32Array.from(versions);
  for (const histogram of run?.threads.flatMap(({ histograms }) => histograms) ?? []) {
    histogram.counts = Uint32Array.from(histogram.counts);
  }
  return reply;
}
