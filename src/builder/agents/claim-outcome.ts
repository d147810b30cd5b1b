// Outcome of a claimed job: what a build on this machine tells the builds that follow it.
import type { CompileEvent, CompileFailure, CompileSuccess } from '../incremental/index.ts';
import type { WorkerFailure } from '../workers/pool.ts';
import type { Claim } from './job-claims.ts';
import type { SharedClaim } from './local-turns.ts';

/** Passes the events of a target that is compiled here on to other builds that follow it. */
export function relayToFollowers(event: CompileEvent, { claim, roots }: SharedClaim): void {
  if (event.type === 'compiling') claim.reporter.enter({ phase: 'compiling', jobs: event.jobs, roots });
  else if (event.type === 'output') claim.reporter.line(event.line);
}

/** Ends a claimed job once other builds can fetch its firmware. */
export async function completeClaim(
  claim: Claim,
  { fingerprint, bound }: CompileSuccess,
  uploads: readonly Promise<boolean>[],
): Promise<void> {
  const isFound = (await Promise.all(uploads))[0] ?? false;
  if (isFound && fingerprint !== undefined) await claim.complete(fingerprint);
  else await claim.refuse({ kind: 'unshared', why: bound ?? 'it is not in the remote cache' });
}

/** Ends a claimed job with its failure. */
export async function failClaim(claim: Claim, failure: CompileFailure | WorkerFailure): Promise<void> {
  const { reason, message, exitCode, lastLines, excerpt } = failure;
  if (reason === 'exit-status' || reason === 'no-artifacts' || reason === 'wrong-board')
    await claim.fail({ reason, message, exitCode, lastLines, excerpt });
  else await claim.refuse({ kind: 'trouble', why: message.replace(/\.$/, '') });
}
