// Asking a program that ends by itself, such as git, for the bytes it prints.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { CannotStartError } from './process.ts';

// Far more than the longest list of files of any repository.
const MAX_OUTPUT_BYTES = 512 * 1024 * 1024;

const run = promisify(execFile);

export interface ExecFileOptions {
  command: string;
  /** Its arguments, each passed exactly as it is. */
  args: readonly string[];
  /** The directory it runs in. */
  cwd: string;
  /** Its whole environment: nothing is added to it. */
  env: Readonly<Record<string, string>>;
  /** Ends the program; the promise rejects with the signal's reason then. */
  signal?: AbortSignal;
}

export interface ExecFileResult {
  /** Null when a signal ended the program. */
  exitCode: number | null;
  /** Standard output, every byte of it. */
  stdout: Buffer;
  /** Standard error, as text. */
  stderr: string;
}

/**
 * Runs a program for its standard output. Several times cheaper than `runProcess`, for programs that leave nothing
 * running. Rejects with {@link CannotStartError}; any other end is an answer.
 */
export async function execFileBuffered({
  command,
  args,
  cwd,
  env,
  signal,
}: ExecFileOptions): Promise<ExecFileResult> {
  try {
    const { stdout, stderr } = await run(command, [...args], {
      cwd,
      env,
      signal,
      encoding: 'buffer',
      maxBuffer: MAX_OUTPUT_BYTES,
      windowsHide: true,
    });
    return { exitCode: 0, stdout, stderr: stderr.toString() };
  } catch (error) {
    signal?.throwIfAborted();
    const { code, stdout, stderr, message } = error as Error & {
      code?: number | string | null;
      stdout?: Buffer;
      stderr?: Buffer;
    };
    if (typeof code === 'string') throw new CannotStartError(command, `${message}.`, { cause: error });
    return {
      exitCode: code ?? null,
      stdout: stdout ?? Buffer.alloc(0),
      stderr: stderr?.toString() ?? message,
    };
  }
}
