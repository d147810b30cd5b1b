// Runs the real program, as its users do.
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { PassThrough } from 'node:stream';
import { setImmediate as immediate } from 'node:timers/promises';
import type { Streams } from '../../src/cli/context.ts';
import { bareEnvironment } from '../support/bare-environment.ts';
import { MAIN, publishedLibrary, publishedProgram } from '../support/published.ts';

export interface RunOptions {
  cwd?: string;
  /**
   * Added to a bare environment: none of the test's own variables reach the program, except those that it needs to find
   * others.
   */
  env?: Record<string, string>;
  /** Standard input; empty by default. */
  input?: string;
}

export interface RunResult {
  status: number | null;
  stdout: string;
  stderr: string;
}

/** Runs `glovebox` to its end. */
export function glovebox(args: string[], options: RunOptions = {}): Promise<RunResult> {
  return runProgram(process.execPath, [MAIN, ...args], options);
}

/**
 * Runs `glovebox` to its end in this process, many times faster: for tests of output, and not of processes, signals or
 * the environment.
 */
export async function gloveboxHere(args: string[], cwd = '/'): Promise<RunResult> {
  const [stdin, stdout, stderr] = [new PassThrough(), new PassThrough(), new PassThrough()];
  const { run } = await publishedProgram();
  const status = await run(args, { stdin, stdout, stderr, cwd: () => cwd } as unknown as Streams);
  return { status, stdout: textOf(stdout), stderr: textOf(stderr) };
}

let isAlone = false;

/**
 * {@link gloveboxHere} as if the process were its own: with the environment that it would get, with everything that is
 * printed, and its caches closed at the end. One at a time, so for serial tests.
 */
export async function gloveboxAlone(args: string[], options: RunOptions = {}): Promise<RunResult> {
  if (isAlone) throw new Error('Another one runs. Make the tests serial.');
  isAlone = true;
  const { run } = await publishedProgram();
  const { resetSharedCacheInstances } = await publishedLibrary();
  const [stdin, stdout, stderr] = [new PassThrough(), new PassThrough(), new PassThrough()];
  const cwd = () => options.cwd ?? '/';
  const own = { environment: { ...process.env }, stdout: process.stdout.write, stderr: process.stderr.write };
  replaceEnvironment(bareEnvironment(options.env));
  // Threads and libraries print to the process.
  process.stdout.write = stdout.write.bind(stdout) as typeof own.stdout;
  process.stderr.write = stderr.write.bind(stderr) as typeof own.stderr;
  stdin.end(options.input ?? '');
  try {
    const status = await run(args, { stdin, stdout, stderr, cwd } as unknown as Streams);
    await resetSharedCacheInstances();
    // Warnings are emitted one turn later.
    await immediate();
    return { status, stdout: textOf(stdout), stderr: textOf(stderr) };
  } finally {
    process.stdout.write = own.stdout;
    process.stderr.write = own.stderr;
    replaceEnvironment(own.environment);
    isAlone = false;
  }
}

function replaceEnvironment(environment: NodeJS.ProcessEnv): void {
  for (const name of Object.keys(process.env)) delete process.env[name];
  Object.assign(process.env, environment);
}

function textOf(stream: PassThrough): string {
  return (stream.read() as Buffer | null)?.toString() ?? '';
}

/** Runs any program to its end. */
export async function runProgram(
  program: string,
  args: string[],
  options: RunOptions = {},
): Promise<RunResult> {
  const running = startProgram(program, args, options);
  running.child.stdin.end(options.input ?? '');
  return running.ended;
}

/** A program that is running. */
export interface Running {
  readonly child: ChildProcessWithoutNullStreams;
  readonly ended: Promise<RunResult>;
  /** Resolves when it has printed this on standard output; rejects when it ends first. */
  printed(text: string): Promise<void>;
}

/** Starts `glovebox` and leaves it running. */
export function startGlovebox(args: string[], options: RunOptions = {}): Running {
  return startProgram(process.execPath, [MAIN, ...args], options);
}

/** Starts any program and leaves it running, its standard input open. */
export function startProgram(program: string, args: string[], options: RunOptions): Running {
  const child = spawn(program, args, { cwd: options.cwd, env: bareEnvironment(options.env) });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', chunk => {
    stdout += chunk;
  });
  child.stderr.setEncoding('utf8').on('data', chunk => {
    stderr += chunk;
  });
  const ended = new Promise<RunResult>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', status => resolve({ status, stdout, stderr }));
  });
  return {
    child,
    ended,
    printed: text =>
      new Promise((resolve, reject) => {
        const look = () => {
          if (stdout.includes(text)) {
            child.stdout.off('data', look);
            resolve();
          }
        };
        child.stdout.on('data', look);
        look();
        ended.then(
          result => reject(new Error(`It ended without '${text}': ${JSON.stringify(result)}`)),
          reject,
        );
      }),
  };
}
