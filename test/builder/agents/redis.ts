// A real Redis (or Valkey) for tests, started by hand.
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { connect } from 'node:net';
import path from 'node:path';
import { eventually } from '../../support/eventually.ts';
import { freePort } from '../../support/free-port.ts';

/** The server's program; undefined where there is none. */
export const REDIS = ['redis-server', 'valkey-server'].find(isInstalled);

/** Why tests with a queue are skipped; undefined if they are not. */
export const NO_REDIS =
  REDIS === undefined
    ? "skipped: there is no redis-server and no valkey-server on this machine (Debian's package redis-server)"
    : undefined;

export class Redis {
  readonly url: string;
  readonly #directory: string;
  readonly #port: number;
  readonly #password: string | undefined;
  #process: ChildProcess | undefined;

  private constructor(directory: string, port: number, password: string | undefined) {
    this.#directory = directory;
    this.#port = port;
    this.#password = password;
    this.url = `redis://${password === undefined ? '' : `:${password}@`}127.0.0.1:${port}`;
  }

  /** @param root a directory for its files */
  static async start(root: string, password?: string): Promise<Redis> {
    const directory = path.join(root, 'redis');
    mkdirSync(directory, { recursive: true });
    const redis = new Redis(directory, await freePort(), password);
    await redis.begin();
    return redis;
  }

  get pid(): number | undefined {
    return this.#process?.pid;
  }

  /** Starts, or starts again with the data that it has on disk. */
  async begin(): Promise<void> {
    const options = {
      port: this.#port,
      bind: '127.0.0.1',
      save: '',
      appendonly: 'yes',
      dir: this.#directory,
      'maxmemory-policy': 'noeviction',
      ...(this.#password === undefined ? {} : { requirepass: this.#password }),
    };
    const words = Object.entries(options).flatMap(([name, value]) => [`--${name}`, String(value)]);
    const child = spawn(REDIS!, words, { stdio: 'ignore' });
    this.#process = child;
    await eventually(() => this.#isListening());
  }

  /** Kills it in the middle of whatever it does. */
  async kill(): Promise<void> {
    const child = this.#process;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGKILL');
    await once(child, 'close');
  }

  #isListening(): Promise<boolean> {
    return new Promise(resolve => {
      const socket = connect(this.#port, '127.0.0.1');
      // It loads its data before it answers.
      socket.on('connect', () =>
        socket.write(this.#password === undefined ? 'PING\r\n' : `AUTH ${this.#password}\r\n`),
      );
      socket.on('data', answer => {
        socket.destroy();
        resolve(answer.toString().startsWith('+'));
      });
      socket.on('error', () => resolve(false));
    });
  }
}

function isInstalled(program: string): boolean {
  try {
    execFileSync(program, ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}
