// Real processes that run a function of the test.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface, type Interface } from 'node:readline';
import type { ExecutionContext } from 'ava';
import type { Tools } from './glovebox.ts';

// Far more than any of them takes: a process that is still running then hangs, and the test says so.
const TIME_LIMIT_MS = 90_000;

export class Process<Result> {
  readonly #child: ChildProcess;
  readonly #lines: Interface;
  readonly #seen: string[] = [];
  readonly #exited: Promise<[code: number | null, signal: NodeJS.Signals | null]>;
  #errors = '';

  constructor(child: ChildProcess) {
    this.#child = child;
    this.#exited = once(child, 'close') as Promise<[number | null, NodeJS.Signals | null]>;
    this.#lines = createInterface({ input: child.stdout! });
    this.#lines.on('line', line => this.#seen.push(line));
    child.stderr!.on('data', (text: Buffer) => {
      this.#errors += text.toString();
    });
  }

  /** Resolves once the process has printed this line. */
  async line(wanted: string): Promise<void> {
    while (!this.#seen.includes(wanted)) {
      await Promise.race([once(this.#lines, 'line'), this.#exited]);
      if (this.#child.exitCode !== null && !this.#seen.includes(wanted)) {
        throw new Error(`The process ended without '${wanted}'.\n${this.#errors}`);
      }
    }
  }

  /** Resolves to how the process ended, and what it printed. */
  async ended(): Promise<{ code: number | null; signal: string | null; lines: string[]; errors: string }> {
    const [code, signal] = await this.#exited;
    return { code, signal, lines: this.#seen, errors: this.#errors };
  }

  /** Resolves to what the function returned, after the process has ended by itself. */
  async result(): Promise<Result> {
    const { code, lines, errors } = await this.ended();
    const line = lines.find(one => one.startsWith('='));
    if (code !== 0 || !line) throw new Error(`The process ended with status ${code}.\n${errors}`);
    return JSON.parse(line.slice(1)) as Result;
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }
}

/**
 * Runs `body` in a process of its own, which ends when nothing keeps it alive. See `Thread.run` for what `body` sees;
 * arguments and results are JSON.
 */
export function startProcess<Args extends unknown[], Result>(
  t: ExecutionContext,
  body: (tools: Tools, ...args: Args) => Result,
  args: Args,
  environment: Record<string, string> = {},
): Process<Awaited<Result>> {
  const child = spawn(
    process.execPath,
    [`${import.meta.dirname}/process-main.ts`, JSON.stringify({ source: body.toString(), args })],
    {
      env: { ...process.env, ...environment },
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: TIME_LIMIT_MS,
      killSignal: 'SIGKILL',
    },
  );
  t.teardown(() => void child.kill('SIGKILL'));
  return new Process(child);
}
