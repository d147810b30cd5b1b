// Requests to a driver process: each gets one reply, and the process ends with the benchmark.
import type { DriverReply, DriverRequest, Reply } from './messages.ts';

/** Replies to each request of the benchmark with the result of `answer`, or with its failure. */
export function serveRequests(answer: (request: DriverRequest) => Promise<DriverReply>): void {
  process.on('message', async (request: DriverRequest) => {
    let reply: Reply<DriverReply>;
    try {
      reply = { ok: true, result: await answer(request) };
    } catch (error) {
      reply = { ok: false, failure: error instanceof Error ? error.message : String(error) };
    }
    process.send!(reply);
  });
  // The benchmark has exited, or no longer needs this process.
  process.on('disconnect', () => process.exit());
}
