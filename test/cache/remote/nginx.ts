// nginx with its dav module, started in a directory of the test's own.
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import path from 'node:path';
import type { ExecutionContext } from 'ava';
import { eventually } from '../../support/eventually.ts';
import { freePort } from '../../support/free-port.ts';
import { temporaryDirectory } from '../../support/temporary.ts';

/** The reason why tests with nginx are skipped; undefined if they are not. */
export const NO_NGINX = findProblem();

/** The credentials for writing, in nginx and in `token`. */
export const WRITER = 'ci:a secret';

export class Nginx {
  readonly directory: string;
  readonly #port: number;
  readonly #server: ((nginx: Nginx) => string) | undefined;
  #process: ChildProcess | undefined;

  private constructor(directory: string, port: number, server: ((nginx: Nginx) => string) | undefined) {
    this.directory = directory;
    this.#port = port;
    this.#server = server;
  }

  /**
   * Reading is free, writing needs {@link WRITER}.
   *
   * @param server the `server` block. Default: one with the cache at `/cache`
   */
  static async start(t: ExecutionContext, server?: (nginx: Nginx) => string): Promise<Nginx> {
    const nginx = new Nginx(await temporaryDirectory(t), await freePort(), server);
    mkdirSync(nginx.store);
    writeFileSync(nginx.passwords, WRITER.replace(':', ':{PLAIN}'));
    writeFileSync(nginx.#configFile, nginx.#config());
    await nginx.begin();
    t.teardown(() => nginx.kill());
    return nginx;
  }

  get url(): string {
    return `http://${this.address}${this.#server === undefined ? '/cache' : ''}`;
  }

  /** Where it listens. */
  get address(): string {
    return `127.0.0.1:${this.#port}`;
  }

  /** The file of the writers and their passwords. */
  get passwords(): string {
    return path.join(this.directory, 'passwords');
  }

  /** The directory of the files: `cache/ac/<key>`, `cache/cas/<sha256>`. */
  get store(): string {
    return path.join(this.directory, 'store');
  }

  /** Requests so far: `PUT /cache/ac/<key> 201`. */
  get log(): string[] {
    return readFileSync(path.join(this.directory, 'access.log'), 'utf8').split('\n').slice(0, -1);
  }

  async begin(): Promise<void> {
    this.#process = spawn('nginx', ['-p', this.directory, '-c', this.#configFile], { stdio: 'ignore' });
    await eventually(
      () => this.#isListening(),
      () => this.#errors(),
    );
  }

  /** Kills nginx with SIGKILL, in the middle of whatever it does. */
  async kill(): Promise<void> {
    const child = this.#process;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGKILL');
    await once(child, 'close');
  }

  get #configFile(): string {
    return path.join(this.directory, 'nginx.conf');
  }

  #errors(): string {
    return readFileSync(path.join(this.directory, 'error.log'), 'utf8');
  }

  #isListening(): Promise<boolean> {
    return new Promise(resolve => {
      const socket = connect(this.#port, '127.0.0.1');
      socket.on('connect', () => {
        socket.destroy();
        resolve(true);
      });
      socket.on('error', () => resolve(false));
    });
  }

  // One process, so that killing it kills all of nginx. Temporary files are on the disk of the store: uploads are
  // renamed.
  #config(): string {
    const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
      name => `${name}_temp_path ${this.directory}/${name};`,
    );
    return `daemon off;
master_process off;
pid ${this.directory}/pid;
error_log ${this.directory}/error.log;
events {}
http {
  log_format plain '$request_method $uri $status';
  access_log ${this.directory}/access.log plain;
  ${temporary.join('\n  ')}
  client_max_body_size 0;
  ${this.#server?.(this) ?? this.#plainServer()}
}
`;
  }

  #plainServer(): string {
    return `server {
    listen ${this.address};
    root ${this.store};
    location /cache/ {
      dav_methods PUT DELETE;
      create_full_put_path on;
      limit_except GET HEAD {
        auth_basic cache;
        auth_basic_user_file ${this.passwords};
      }
    }
  }`;
  }
}

function findProblem(): string | undefined {
  try {
    execFileSync('nginx', ['-v'], { stdio: 'ignore' });
    return undefined;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return code === 'ENOENT'
      ? "skipped: there is no nginx on this machine (Debian's package nginx-light)"
      : `skipped: nginx does not start (${code})`;
  }
}
