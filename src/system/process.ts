// The only module that starts programs. No shell is involved, and no process that it started is left behind.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, openSync, writeSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect, createServer, type Server, type Socket } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as delay, setImmediate as immediate } from 'node:timers/promises';
import { GloveboxError } from '../errors.ts';
import { OutputLines } from './output-lines.ts';
import { endProcesses, liveProcessGroups } from './process-group.ts';
import { RewrittenOutput } from './rewritten-output.ts';
import { performance } from './time.ts';

export interface ProcessOptions {
  /** Program name to look up in the `PATH` of `env`, or a path. */
  command: string;
  /** Arguments, each passed exactly as it is. */
  args: readonly string[];
  /** Working directory. */
  cwd: string;
  /** The whole environment: nothing is added to it. */
  env: Readonly<Record<string, string>>;
  /** Ends the program and every process that it started. */
  signal?: AbortSignal;
  /** Gets standard output and standard error in the order in which they were printed. Replaced if it exists. */
  logFile?: string;
  /** Appends to the log file. Default: false. */
  appendLog?: boolean | undefined;
  /** Rewrites whole lines of the output before they are logged or reported; see {@link RewrittenOutput}. */
  rewrite?: (text: string) => string;
  /** Called with each line of output, without its line end; see {@link OutputLines}. */
  onLine?: (line: string) => void;
  /** Called with the process group when the program starts, and again when none of its processes is left. */
  onProcess?: (event: 'started' | 'ended', processGroup: number) => void;
  /** Milliseconds between SIGTERM and SIGKILL. Default: 1 000. */
  killAfter?: number;
}

export interface ProcessResult {
  /** Null when a signal ended the program, or when `signal` was aborted before it started. */
  exitCode: number | null;
  /** The signal that ended the program. */
  signal: string | null;
  /** The last 20 lines of output. */
  lastLines: string[];
}

export interface CaptureOptions {
  command: string;
  args: readonly string[];
  cwd: string;
  env: Readonly<Record<string, string>>;
  signal?: AbortSignal;
  /** Milliseconds until the program is ended. Default: 10 000. */
  timeLimit?: number;
  /** See {@link ProcessOptions}. */
  onProcess?: ProcessOptions['onProcess'];
}

export interface CapturedOutput {
  exitCode: number | null;
  signal: string | null;
  /** Standard output and standard error with `\n` line ends, without trailing white space; at most 64 KiB. */
  output: string;
  /** True when there was more output than that. */
  isCut: boolean;
  /** True when the time limit ended the program. */
  timedOut: boolean;
}

/** A program could not be started: it is missing or not executable, or the system is out of resources. */
export class CannotStartError extends GloveboxError {
  /** The program as requested. */
  readonly program: string;

  constructor(program: string, why: string, options?: ErrorOptions) {
    super('GLOVEBOX_CANNOT_START', `Cannot start '${program}': ${why}`, options);
    this.program = program;
  }
}

/** Grace period for background processes to finish printing, as `tee` at the end of a pipe does. */
const LINGER_MS = 100;

/** A process that left the session can hold the output open. After this much silence it is ignored. */
const SILENCE_MS = 250;

const CAPTURE_LIMIT_BYTES = 64 * 1024;

/**
 * Runs a program in its own session and process group. Resolves when it and all its descendants are gone;
 * background processes that it left are ended. Rejects with {@link CannotStartError} when it cannot be started.
 * Works in any thread. A log that cannot be written does not stop the program: an output line reports it.
 */
export async function runProcess(options: ProcessOptions): Promise<ProcessResult> {
  const { signal, onLine, onProcess, killAfter = 1_000 } = options;
  if (signal?.aborted) return { exitCode: null, signal: null, lastLines: [] };

  const lines = new OutputLines(line => onLine?.(line));
  const { child, output } = await start(options);
  const leader = child.pid!;
  const log = new ProcessLog(options.logFile, options.appendLog ? 'a' : 'w', lines);
  const rewritten = options.rewrite && new RewrittenOutput(options.rewrite);
  const take = (chunk: Buffer) => {
    log.write(chunk);
    lines.push(chunk);
  };
  let heardAt = performance.now();
  output.on('data', (chunk: Buffer) => {
    heardAt = performance.now();
    take(rewritten?.push(chunk) ?? chunk);
  });
  const silent = ended(output);
  const exited = exit(child);

  let ending: Promise<boolean> | undefined;
  const endAll = () => {
    ending ??= endProcesses(leader, killAfter);
    return ending;
  };
  // The exit event of a process that survives SIGKILL never comes, and must not block the build.
  let giveUp: (() => void) | undefined;
  const givenUp = new Promise<void>(resolve => {
    giveUp = resolve;
  });
  const onAbort = () => {
    endAll().then(gone => {
      if (!gone) giveUp?.();
    });
  };
  try {
    onProcess?.('started', leader);
    if (signal?.aborted) onAbort();
    else signal?.addEventListener('abort', onAbort, { once: true });

    const status = await Promise.race([exited, givenUp]);
    if (ending === undefined && liveProcessGroups(leader).length > 0) {
      await Promise.race([silent, delay(LINGER_MS, undefined, { ref: false })]);
    }
    await endAll();
    await drained(silent, () => heardAt);
    onProcess?.('ended', leader);
    if (rewritten !== undefined) take(rewritten.end());
    lines.end();
    return { exitCode: status?.code ?? null, signal: status?.signal ?? null, lastLines: [...lines.last] };
  } finally {
    signal?.removeEventListener('abort', onAbort);
    output.destroy();
    log.close();
  }
}

/**
 * Runs a program for its output, such as its version. Rejects with {@link CannotStartError} when it cannot be
 * started; any exit code is a result. None of its processes is left when the promise resolves.
 */
export async function captureOutput(options: CaptureOptions): Promise<CapturedOutput> {
  const { timeLimit = 10_000, signal, ...program } = options;
  const limit = AbortSignal.timeout(timeLimit);
  let output = '';
  const result = await runProcess({
    ...program,
    signal: signal === undefined ? limit : AbortSignal.any([signal, limit]),
    onLine: line => {
      if (output.length < CAPTURE_LIMIT_BYTES) output += `${line}\n`;
    },
  });
  return {
    exitCode: result.exitCode,
    signal: result.signal,
    output: output.slice(0, CAPTURE_LIMIT_BYTES).trimEnd(),
    isCut: output.length > CAPTURE_LIMIT_BYTES,
    timedOut: limit.aborted && signal?.aborted !== true,
  };
}

async function start(options: ProcessOptions): Promise<{ child: ChildProcess; output: Socket }> {
  const { command, args, cwd, env } = options;
  let pair: { ours: Socket; theirs: Socket } | undefined;
  try {
    pair = await socketPair();
    const child = spawn(command, [...args], {
      cwd,
      env,
      // One socket for both: two pipes would lose the order between standard output and standard error.
      stdio: ['ignore', pair.theirs, pair.theirs],
      // Its own session: Ctrl-C in the terminal reaches only Glovebox, which then ends the whole session.
      detached: true,
      shell: false,
      windowsHide: true,
    });
    await once(child, 'spawn');
    // The program has its own copy; this one would keep the output open for ever.
    pair.theirs.destroy();
    return { child, output: pair.ours };
  } catch (error) {
    pair?.ours.destroy();
    pair?.theirs.destroy();
    throw new CannotStartError(command, whyNot(error as NodeJS.ErrnoException, options), { cause: error });
  }
}

function whyNot(error: NodeJS.ErrnoException, { command, cwd }: ProcessOptions): string {
  switch (error.code) {
    case 'ENOENT':
      if (!existsSync(cwd)) return `the directory to run it in, ${cwd}, does not exist.`;
      return command.includes('/')
        ? 'there is no such file, or the interpreter its first line names is missing.'
        : 'there is no such program in PATH. Install it, or give its path.';
    case 'EACCES':
      return 'permission denied. Is it an executable file (chmod +x)?';
    case 'EMFILE':
    case 'ENFILE':
      return 'too many files are open. Raise the limit (ulimit -n), or run fewer jobs at once.';
    case 'EAGAIN':
    case 'ENOMEM':
      return 'the system has no room for another process. Run fewer jobs at once.';
    case 'ENOSPC':
    case 'EDQUOT':
      return `there is no space left in ${os.tmpdir()}. Free some, or set TMPDIR to another directory.`;
    case 'E2BIG':
      return 'its arguments and environment are too long for this system.';
    case 'ERR_INVALID_ARG_VALUE':
      return 'its name, an argument or a variable contains a NUL character.';
    default:
      return `${error.message}.`;
  }
}

/** Two connected sockets. Node has no socketpair(), so they meet in a directory that only this user can enter. */
async function socketPair(): Promise<{ ours: Socket; theirs: Socket }> {
  // The path of a socket is limited to about a hundred bytes.
  const parent = os.tmpdir().length > 70 ? '/tmp' : os.tmpdir();
  const directory = await mkdtemp(path.join(parent, 'glovebox-'));
  let server: Server | undefined;
  let theirs: Socket | undefined;
  try {
    const address = path.join(directory, 's');
    server = createServer().listen(address);
    await once(server, 'listening');
    const accepted = once(server, 'connection') as Promise<[Socket]>;
    theirs = connect(address);
    // Without a free descriptor to accept it, the system drops the connection and emits no other event.
    const dropped = once(theirs, 'end').then(() => {
      throw Object.assign(new Error('accept EMFILE'), { code: 'EMFILE' });
    });
    dropped.catch(() => {});
    await once(theirs, 'connect');
    const [ours] = await Promise.race([accepted, dropped]);
    ours.on('error', () => {});
    theirs.on('error', () => {});
    return { ours, theirs };
  } catch (error) {
    theirs?.destroy();
    throw error;
  } finally {
    server?.close();
    await rm(directory, { recursive: true, force: true });
  }
}

function exit(child: ChildProcess): Promise<{ code: number | null; signal: string | null }> {
  return new Promise(resolve => {
    child.once('exit', (code, signal) => resolve({ code, signal }));
  });
}

/** Resolves when the stream has no writer left and everything written was read. */
function ended(stream: Socket): Promise<void> {
  return new Promise(resolve => {
    stream.once('end', resolve);
    stream.once('close', () => resolve());
  });
}

/** Waits for the rest of the output, but not for a process that left the session and keeps it open. */
async function drained(silent: Promise<void>, heardAt: () => number): Promise<void> {
  let open = true;
  const closed = silent.then(() => {
    open = false;
  });
  let from = performance.now();
  while (open && performance.now() - from < SILENCE_MS) {
    await Promise.race([closed, delay(SILENCE_MS, undefined, { ref: false })]);
    // Timers run before input: on a busy machine, output printed long ago may still be unread.
    await immediate();
    from = Math.max(from, heardAt());
  }
}

/** The log file of all output. A write error is reported once, as an output line, and ends logging. */
class ProcessLog {
  #descriptor: number | undefined;
  readonly #file: string | undefined;
  readonly #lines: OutputLines;

  constructor(file: string | undefined, flags: 'a' | 'w', lines: OutputLines) {
    this.#file = file;
    this.#lines = lines;
    if (file === undefined) return;
    try {
      this.#descriptor = openSync(file, flags, 0o600);
    } catch (error) {
      this.#fail(error as Error);
    }
  }

  write(chunk: Buffer): void {
    if (this.#descriptor === undefined) return;
    try {
      for (let at = 0; at < chunk.length; ) at += writeSync(this.#descriptor, chunk, at);
    } catch (error) {
      this.close();
      this.#fail(error as Error);
    }
  }

  close(): void {
    if (this.#descriptor !== undefined) closeSync(this.#descriptor);
    this.#descriptor = undefined;
  }

  #fail(error: Error): void {
    this.#lines.add(`[the log ${this.#file} cannot be written: ${error.message}]`);
  }
}
