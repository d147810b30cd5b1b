// A compiler that tests control. A test configures it as the `command` toolchain; each time Glovebox compiles, the test
// gets a run, says what the compiler does, and when and how it ends. So "two at once", "not started again" and "the
// second one waits" are asserted, not hoped for. Works across threads and processes: runs report over a socket.
//
//   const rig = await createRig(t);
//   const building = build({ …, userConfig: { toolchains: { command: rig.toolchainOptions } } });
//   const run = await rig.nextRun();
//   await run.succeed();
//   t.is(rig.runs, 1);
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { CommandToolchainOptions } from '../../../src/config/toolchain-options.ts';

/** The part of AVA's `t` that the rig needs. */
interface Teardown {
  teardown(clean: () => void | Promise<void>): void;
}

export interface RigOptions {
  /** Runs the compiler by itself, for tests that do not care about when: called for every run, instead of `nextRun`. */
  onRun?: (run: RigRun) => void | Promise<void>;
  /** What differs from the rig's own toolchain options. */
  toolchain?: Partial<CommandToolchainOptions>;
}

/** What the program says of itself when it starts. */
interface Hello {
  pid: number;
  cwd: string;
  argv: string[];
  options: Record<string, string>;
  environment: Record<string, string>;
}

/** Milliseconds after which waiting for the program is a failed test and not a hung one. */
const PATIENCE = 90_000;

/** Starts a rig that ends with the test: runs that are still open are ended too. */
export async function createRig(t: Teardown, options: RigOptions = {}): Promise<Rig> {
  // Short, because the path of a socket must be.
  const directory = await mkdtemp(path.join(os.tmpdir(), 'rig-'));
  const server = createServer().listen(path.join(directory, 's'));
  await once(server, 'listening');
  const rig = new Rig(server, path.join(directory, 's'), options);
  t.teardown(async () => {
    rig.close();
    await rm(directory, { recursive: true, force: true });
  });
  return rig;
}

export class Rig {
  /**
   * Options of a `command` toolchain that is this rig. Declared inputs: `config/**`. Artifacts: `*.uf2`, `*.elf`,
   * `*.hex`. Dependency file: `inputs.d`.
   */
  readonly toolchainOptions: CommandToolchainOptions;
  /** Where a program that is to be controlled connects to. */
  readonly address: string;
  /** How many runs were started so far. */
  runs = 0;

  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #started: RigRun[] = [];
  readonly #waiting: ((run: RigRun) => void)[] = [];

  constructor(server: Server, address: string, options: RigOptions) {
    this.#server = server;
    this.address = address;
    const placeholders = ['board', 'shield', 'snippet', 'config', 'build', 'name', 'jobs', 'cmake-args'];
    this.toolchainOptions = {
      program: process.execPath,
      arguments: [
        fileURLToPath(new URL('./program.mjs', import.meta.url)),
        address,
        ...placeholders.flatMap(name => [`--${name}`, `{${name}}`]),
      ],
      inputs: ['config/**'],
      artifacts: ['*.uf2', '*.elf', '*.hex'],
      observed: 'inputs.d',
      ...options.toolchain,
    };
    server.on('connection', socket => {
      this.#sockets.add(socket);
      const lines = createInterface({ input: socket });
      // A killed program resets its connection; the run's `ended` tells.
      socket.on('error', () => {});
      lines.once('line', line => {
        this.runs++;
        const run = new RigRun(socket, JSON.parse(line) as Hello, lines);
        const waiting = this.#waiting.shift();
        if (options.onRun !== undefined) void options.onRun(run);
        else if (waiting !== undefined) waiting(run);
        else this.#started.push(run);
      });
    });
  }

  /** The next run that no call got yet, in the order of their starts; waits for it to start. */
  async nextRun(): Promise<RigRun> {
    const run = this.#started.shift();
    if (run !== undefined) return run;
    return inTime(
      new Promise(resolve => {
        this.#waiting.push(resolve);
      }),
      'The compiler was not started.',
    );
  }

  /** The next `count` runs by artifact name: two halves start in any order. */
  async nextRuns(count: number): Promise<Record<string, RigRun>> {
    const runs: Record<string, RigRun> = {};
    for (let index = 0; index < count; index++) {
      const run = await this.nextRun();
      runs[run.target.name] = run;
    }
    return runs;
  }

  /** Ends every run that is open, and takes no more. */
  close(): void {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
  }
}

/** One start of the compiler. Every method resolves when the program has done it. */
export class RigRun {
  readonly pid: number;
  readonly cwd: string;
  /** The arguments after the program's own, as it got them. */
  readonly argv: string[];
  /** The placeholders' values: `board`, `shield`, `snippet`, `config`, `build`, `name`, `jobs`, `cmake-args`. */
  readonly target: Readonly<Record<string, string>> & { readonly name: string; readonly build: string };
  /** The whole environment that the program got. */
  readonly environment: Readonly<Record<string, string>>;
  /** Resolves when the program is gone, however it ended. */
  readonly ended: Promise<void>;
  /** Whether the program is still there. */
  open = true;

  readonly #socket: Socket;
  readonly #answers: ((answer: { result?: unknown; error?: string }) => void)[] = [];

  constructor(socket: Socket, hello: Hello, lines: ReturnType<typeof createInterface>) {
    this.#socket = socket;
    this.pid = hello.pid;
    this.cwd = hello.cwd;
    this.argv = hello.argv;
    this.target = hello.options as RigRun['target'];
    this.environment = hello.environment;
    lines.on('line', line => this.#answers.shift()?.(JSON.parse(line)));
    this.ended = new Promise(resolve => {
      socket.once('close', () => {
        this.open = false;
        for (const answer of this.#answers) answer({ error: 'The program is gone.' });
        resolve();
      });
    });
  }

  /** Prints a line. */
  async print(line: string, to: 'stdout' | 'stderr' = 'stdout'): Promise<void> {
    await this.printBytes(`${line}\n`, to);
  }

  /** Prints exactly this. */
  async printBytes(bytes: string | Uint8Array, to: 'stdout' | 'stderr' = 'stdout'): Promise<void> {
    await this.#do('print', { text: Buffer.from(bytes).toString('base64'), to });
  }

  /** Reads a file as the compiler would; relative to the directory it runs in. */
  async read(file: string): Promise<Buffer> {
    return Buffer.from((await this.#do('read', { file })) as string, 'base64');
  }

  /** Writes a file, relative to the build directory. */
  async write(file: string, content: string | Uint8Array): Promise<void> {
    await this.#do('write', { file, content: Buffer.from(content).toString('base64') });
  }

  /** Has a program that can build by itself do so, and resolves to the exit status that it would end with. */
  async build(): Promise<number> {
    return (await this.#do('build')) as number;
  }

  /** Makes a symbolic link, relative to the build directory. */
  async link(file: string, target: string): Promise<void> {
    await this.#do('link', { file, target });
  }

  /** Writes the dependency file: what the compiler says it has read. */
  async observed(files: readonly string[]): Promise<void> {
    const escaped = files.map(file => file.replace(/[ #]/g, '\\$&').replaceAll('$', '$$$$'));
    await this.write('inputs.d', `firmware: ${escaped.join(' \\\n  ')}\n`);
  }

  /** From now on SIGTERM does not end the program. */
  async ignoreTermination(): Promise<void> {
    await this.#do('ignoreTermination');
  }

  /**
   * Starts a process that runs until it is ended (or two minutes), and resolves to its pid. `stubborn`: it ignores SIGTERM.
   * `holdOutput`: it has the program's own output open. `ownGroup`: it leaves the program's session.
   */
  async child(
    options: { stubborn?: boolean; holdOutput?: boolean; ownGroup?: boolean } = {},
  ): Promise<number> {
    return (await this.#do('child', options)) as number;
  }

  /** Exits with this status and resolves when it has. */
  async exit(code: number): Promise<void> {
    this.#say('exit', { code });
    await inTime(this.ended, 'The program did not exit.');
  }

  /** Ends by a signal and resolves when it has. */
  async crash(signal: NodeJS.Signals): Promise<void> {
    this.#say('crash', { signal });
    await inTime(this.ended, 'The program did not die.');
  }

  /** Writes `<name>.uf2` and exits with status 0. Default content: the target's name and shield. */
  async succeed(content: string | Uint8Array = `${this.target.name} ${this.target.shield}`): Promise<void> {
    await this.write(`${this.target.name}.uf2`, content);
    await this.exit(0);
  }

  async #do(name: string, parameters: object = {}): Promise<unknown> {
    const answer = new Promise<{ result?: unknown; error?: string }>(resolve => {
      if (this.open) this.#answers.push(resolve);
      else resolve({ error: 'The program is gone.' });
    });
    this.#say(name, parameters);
    const { result, error } = await inTime(answer, `The program did not answer to '${name}'.`);
    if (error !== undefined) throw new Error(`${name}: ${error}`);
    return result;
  }

  #say(name: string, parameters: object): void {
    this.#socket.write(`${JSON.stringify({ name, ...parameters })}\n`);
  }
}

/** Whether a process exists that has not ended. One that has ended but was not collected by its parent does not count. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch {
    return false;
  }
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return !'ZX'.includes(stat[stat.lastIndexOf(')') + 2]!);
  } catch {
    // Gone meanwhile; or a system without /proc, where the signal is all there is to go by.
    return !existsSync('/proc/self');
  }
}

async function inTime<T>(promise: Promise<T>, otherwise: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(otherwise)), PATIENCE);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
