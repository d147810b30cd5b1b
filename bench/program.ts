// Requests and replies as lines of JSON, for peers that are programs of another language.

import type { DriverReply, DriverRequest, Reply } from './messages.ts';
import { drawRequests, sequenceLength } from './request-sequence.ts';
import { findWorkload } from './workload.ts';

// Draws that such a program gets, at most; they are sent each time, and it is not as fast.
const MAX_REQUESTS = 1 << 14;

/**
 * A request as one line. Versions are arrays, the workload is written out, and `prepare` brings the draws (`kinds` and
 * little-endian 32-bit `keys`, both in base64).
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

/** A reply from one line: as in messages.ts, but arrays for typed arrays. */
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
