// Outcome of a compiler's process for its target.
import { statfs } from 'node:fs/promises';
import path from 'node:path';
import {
  CannotStartError,
  type ProcessOptions,
  type ProcessResult,
  runProcess,
} from '../../system/process.ts';
import type { CompileJob, CompileOutcome } from './toolchain.ts';

/** The outcome of a failed compile. */
export type FailedOutcome = CompileOutcome & { ok: false };

/** Bytes. Programs that write to a disk with less free space fail. */
const FULL = 16 * 1024;

/**
 * Runs a job's compiler with the job's output, log, signal and process groups. Resolves to the compiler's last lines if
 * it ended with status 0, else to the failed outcome.
 *
 * @param name the compiler's name in messages
 */
export async function runCompiler(
  name: string,
  program: Pick<ProcessOptions, 'command' | 'args' | 'cwd' | 'env' | 'appendLog' | 'rewrite'>,
  { signal, logFile, onOutput, onProcess, buildDirectory }: CompileJob,
): Promise<{ ok: true; lastLines: string[] } | FailedOutcome> {
  if (signal.aborted) return cancelled([]);
  let result: ProcessResult;
  try {
    result = await runProcess({
      ...program,
      ...{ signal, logFile, onLine: onOutput },
      ...(onProcess === undefined ? {} : { onProcess }),
    });
  } catch (error) {
    if (!(error instanceof CannotStartError)) throw error;
    return { ok: false, reason: 'cannot-start', message: error.message, lastLines: [] };
  }
  const { exitCode, lastLines } = result;
  // Checked first, because a program may end with status 0 when it is stopped.
  if (signal.aborted) return cancelled(lastLines);
  if (exitCode === 0) return { ok: true, lastLines };
  const log = `Its full output is in ${logFile}.${await fullDisk(buildDirectory)}`;
  if (result.signal !== null || exitCode === null) {
    const memory = result.signal === 'SIGKILL' ? ' The system does that when memory runs out.' : '';
    const message = `'${name}' was ended by ${result.signal ?? 'a signal'}.${memory} ${log}`;
    return { ok: false, reason: 'killed', message, lastLines };
  }
  const message = `'${name}' ended with exit status ${exitCode}. ${log}`;
  return { ok: false, reason: 'exit-status', message, exitCode, lastLines };
}

/** The outcome of a compiler that succeeded without making its artifacts. */
export function withoutArtifacts(message: string, lastLines: string[]): FailedOutcome {
  return { ok: false, reason: 'no-artifacts', message, exitCode: 0, lastLines };
}

/** The outcome of a compiler that succeeded and made firmware for the wrong board. */
export function wrongBoard(message: string, lastLines: string[]): FailedOutcome {
  return { ok: false, reason: 'wrong-board', message, exitCode: 0, lastLines };
}

/** The outcome of a job whose signal aborted. */
export function cancelled(lastLines: string[]): FailedOutcome {
  return { ok: false, reason: 'cancelled', message: 'The build was cancelled.', lastLines };
}

/** A sentence if the compiler may have failed for lack of disk space: few compilers report that clearly. */
async function fullDisk(buildDirectory: string): Promise<string> {
  const space = await statfs(buildDirectory).catch(() => undefined);
  if (space === undefined || (space.bavail * space.bsize > FULL && (space.files === 0 || space.ffree > 0)))
    return '';
  const place = path.dirname(buildDirectory);
  return ` There is no space left in ${place}, where it was compiled. Free some, or set TMPDIR to another directory.`;
}
