// Runs a short-lived program, such as git, and collects its output.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { CannotStartError } from './process.ts';

// Far more than the file list of the largest repository.
const MAX_OUTPUT_BYTES = 512 * 1024 * 1024;

const run = promisify(execFile);

export interface ExecFileOptions {
  command: string;
  /** Arguments, each passed exactly as it is. */
  args: readonly string[];
  /** Working directory. */
  cwd: string;
  /** The whole environment: nothing is added to it. */
  env: Readonly<Record<string, string>>;
  /** Ends the program. The promise then rejects with the signal's reason. */
  signal?: AbortSignal;
}

export interface ExecFileResult {
  /** Null when a signal ended the program. */
  exitCode: number | null;
  /** Standard output, byte for byte. */
  stdout: Buffer;
  /** Standard error, as text. */
  stderr: string;
}

/**
 * Runs a program for its standard output. Several times cheaper than `runProcess`, for programs that leave nothing
 * running. Rejects with {@link CannotStartError} when it cannot be started; any exit code is a result.
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
