// Runs the real program, as a person would.
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { statSync } from 'node:fs';
import path from 'node:path';
import { PassThrough } from 'node:stream';
import { globSync } from 'tinyglobby';
import type { Surroundings } from '../../src/cli/context.ts';
import { run } from '../../src/cli/program.ts';
import { bareEnvironment } from '../support/bare-environment.ts';

const root = path.resolve(import.meta.dirname, '../..');

/** The program as it is published, which `npm test` makes. */
export const MAIN = path.join(root, 'dist/src/cli/main.js');

const made = statSync(MAIN, { throwIfNoEntry: false })?.mtimeMs ?? 0;
const isOld = globSync('{src,workers}/**', { cwd: root, absolute: true }).some(
  source => statSync(source).mtimeMs > made,
);
if (isOld) throw new Error(`${MAIN} is older than the sources. Make it anew: node bundle.ts`);

export interface RunOptions {
  cwd?: string;
  /** Added to a bare environment: nothing of the test's own reaches the program, except what it needs to find others. */
  env?: Record<string, string>;
  /** Standard input; nothing by default. */
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
 * Runs `glovebox` to its end in this process, many times sooner: for what is about words, and not about processes,
 * signals or the environment.
 */
export async function gloveboxHere(args: string[], cwd = '/'): Promise<RunResult> {
  const [stdin, stdout, stderr] = [new PassThrough(), new PassThrough(), new PassThrough()];
  const status = await run(args, { stdin, stdout, stderr, cwd: () => cwd } as unknown as Surroundings);
  const printed = [stdout, stderr].map(stream => (stream.read() as Buffer | null)?.toString() ?? '');
  return { status, stdout: printed[0]!, stderr: printed[1]! };
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
  /** Resolves when it has printed this on standard output; rejects when it ends without. */
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
