// What the end of a compiler's process means for its target.
import { statfs } from 'node:fs/promises';
import path from 'node:path';
import {
  CannotStartError,
  type ProcessOptions,
  type ProcessResult,
  runProcess,
} from '../../system/process.ts';
import type { CompileJob, CompileOutcome } from './toolchain.ts';

/** A compile that has not worked. */
export type FailedOutcome = CompileOutcome & { ok: false };

/** Bytes. With less than that left on a disk, programs fail that want to write there. */
const FULL = 16 * 1024;

/**
 * Runs a job's compiler, with its output, log, signal and process groups where the job wants them. Resolves to what
 * the compiler printed last when it ended with status 0, and else to the outcome of the job.
 *
 * @param name what the compiler is called when it has failed
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
  // First, because a program may well end with status 0 when it is told to stop.
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

/** The outcome of a compiler that ended well and did not make what it should. */
export function withoutArtifacts(message: string, lastLines: string[]): FailedOutcome {
  return { ok: false, reason: 'no-artifacts', message, exitCode: 0, lastLines };
}

/** The outcome of a compiler that ended well and made firmware for the wrong board. */
export function wrongBoard(message: string, lastLines: string[]): FailedOutcome {
  return { ok: false, reason: 'wrong-board', message, exitCode: 0, lastLines };
}

/** The outcome of a job whose signal was aborted. */
export function cancelled(lastLines: string[]): FailedOutcome {
  return { ok: false, reason: 'cancelled', message: 'The build was cancelled.', lastLines };
}

/** A sentence when the compiler can have failed for want of space: few of them say it clearly. */
async function fullDisk(buildDirectory: string): Promise<string> {
  const space = await statfs(buildDirectory).catch(() => undefined);
  if (space === undefined || (space.bavail * space.bsize > FULL && (space.files === 0 || space.ffree > 0)))
    return '';
  const place = path.dirname(buildDirectory);
  return ` There is no space left in ${place}, where it was compiled. Free some, or set TMPDIR to another directory.`;
}
