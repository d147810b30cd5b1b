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
import { programFile } from '../../support/program-file.ts';

/** The part of AVA's `t` that the rig needs. */
interface Teardown {
  teardown(clean: () => void | Promise<void>): void;
}

export interface RigOptions {
  /**
   * Runs the compiler by itself, for tests that do not depend on timing: called for every run, instead of `nextRun`.
   */
  onRun?: (run: RigRun) => void | Promise<void>;
  /** Overrides of the rig's own toolchain options. */
  toolchain?: Partial<CommandToolchainOptions>;
  /** Parses the program's arguments. Default: pairs of a name and a value. */
  readArguments?: (run: RigRun) => Target;
  /** The program's own build: `print` receives its lines, and it returns the exit status. */
  build?: (run: RigRun, print: (line: string) => void) => number;
}

type Target = Readonly<Record<string, string>> & { readonly name: string; readonly build: string };

/** What the program prints about itself when it starts. Strings are bytes: one character each. */
interface Hello {
  pid: number;
  cwd: string;
  argv: string[];
  /** Name, value, name, value. */
  environment: string[];
}

/** The interpreter of the program, beside git. By its absolute path, because tests have their own `PATH`. */
export const PERL = programFile('perl');
const PROGRAM = fileURLToPath(new URL('./program.pl', import.meta.url));

/** Milliseconds after which waiting for the program fails the test, so that it does not hang. */
const PATIENCE = 90_000;

/** Starts a rig that ends with the test; runs that are still open are ended too. */
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
  /** A command line that starts this rig: its arguments are the program's own. */
  readonly command: readonly string[];
  /** How many runs have started so far. */
  runs = 0;

  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #started: RigRun[] = [];
  readonly #waiting: ((run: RigRun) => void)[] = [];

  constructor(server: Server, address: string, options: RigOptions) {
    this.#server = server;
    this.command = [PERL, PROGRAM, address];
    const placeholders = ['board', 'shield', 'snippet', 'config', 'build', 'name', 'jobs', 'cmake-args'];
    this.toolchainOptions = {
      program: PERL,
      arguments: [...[PROGRAM, address], ...placeholders.flatMap(name => [`--${name}`, `{${name}}`])],
      inputs: ['config/**'],
      artifacts: ['*.uf2', '*.elf', '*.hex'],
      observed: 'inputs.d',
      ...options.toolchain,
    };
    server.on('connection', socket => {
      this.#sockets.add(socket);
      const lines = createInterface({ input: socket });
      // A killed program resets its connection; the run's `ended` resolves then.
      socket.on('error', () => {});
      lines.on('error', () => {});
      lines.once('line', line => {
        this.runs++;
        const run = new RigRun(socket, JSON.parse(line) as Hello, lines, options);
        const waiting = this.#waiting.shift();
        if (options.onRun !== undefined) void options.onRun(run);
        else if (waiting !== undefined) waiting(run);
        else this.#started.push(run);
      });
    });
  }

  /** The next run that no call has received yet, in the order of their starts; waits for it to start. */
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
  /** The arguments after the program's own, as received. */
  readonly argv: string[];
  /** The placeholders' values: `board`, `shield`, `snippet`, `config`, `build`, `name`, `jobs`, `cmake-args`. */
  readonly target: Target;
  /** The whole environment that the program received. */
  readonly environment: Readonly<Record<string, string>>;
  /** Resolves when the program has ended, however it ended. */
  readonly ended: Promise<void>;
  /** Whether the program is still running. */
  open = true;

  readonly #socket: Socket;
  readonly #answers: ((answer: { result?: string; error?: string }) => void)[] = [];
  readonly #build: RigOptions['build'];

  constructor(
    socket: Socket,
    hello: Hello,
    lines: ReturnType<typeof createInterface>,
    { readArguments = pairs, build }: RigOptions,
  ) {
    this.#socket = socket;
    this.#build = build;
    this.pid = hello.pid;
    this.cwd = text(hello.cwd);
    this.argv = hello.argv.map(text);
    this.environment = record(hello.environment.map(text));
    lines.on('line', line => this.#answers.shift()?.(JSON.parse(line)));
    this.ended = new Promise(resolve => {
      socket.once('close', () => {
        this.open = false;
        for (const answer of this.#answers) answer({ error: 'The program is gone.' });
        resolve();
      });
    });
    this.target = readArguments(this);
  }

  /** Prints a line. */
  async print(line: string, to: 'stdout' | 'stderr' = 'stdout'): Promise<void> {
    await this.printBytes(`${line}\n`, to);
  }

  /** Prints exactly this. */
  async printBytes(bytes: string | Uint8Array, to: 'stdout' | 'stderr' = 'stdout'): Promise<void> {
    await this.#do('print', bytes, to);
  }

  /** Reads a file as the compiler would; relative to the directory it runs in. */
  async read(file: string): Promise<Buffer> {
    return Buffer.from(await this.#do('read', file), 'hex');
  }

  /** Writes a file, relative to the build directory. */
  async write(file: string, content: string | Uint8Array): Promise<void> {
    await this.#do('write', path.resolve(this.target.build, file), content);
  }

  /** Builds as the program would by itself, and resolves to the exit status that it would end with. */
  async build(): Promise<number> {
    if (!this.#build) throw new Error('This rig does not know how to build.');
    const lines: string[] = [];
    const status = this.#build(this, line => lines.push(`${line}\n`));
    await this.printBytes(lines.join(''));
    return status;
  }

  /** Makes a symbolic link, relative to the build directory. */
  async link(file: string, target: string): Promise<void> {
    await this.#do('link', path.resolve(this.target.build, file), target);
  }

  /** Writes the dependency file: the inputs that the compiler reports. */
  async observed(files: readonly string[]): Promise<void> {
    const escaped = files.map(file => file.replace(/[ #]/g, '\\$&').replaceAll('$', '$$$$'));
    await this.write('inputs.d', `firmware: ${escaped.join(' \\\n  ')}\n`);
  }

  /** From now on SIGTERM does not end the program. */
  async ignoreTermination(): Promise<void> {
    await this.#do('ignoreTermination');
  }

  /**
   * Starts a process that runs until it is ended (or for two minutes), and resolves to its pid. `stubborn`: it ignores
   * SIGTERM. `holdOutput`: it holds the program's own output open. `ownGroup`: it leaves the program's session.
   */
  async child(
    options: { stubborn?: boolean; holdOutput?: boolean; ownGroup?: boolean } = {},
  ): Promise<number> {
    const chosen = Object.entries(options).filter(([, is]) => is);
    return Number(await this.#do('child', ...chosen.map(([name]) => name)));
  }

  /** Exits with this status and resolves when it has. */
  async exit(code: number): Promise<void> {
    this.#say('exit', String(code));
    await inTime(this.ended, 'The program did not exit.');
  }

  /** Ends by a signal and resolves when it has. */
  async crash(signal: NodeJS.Signals): Promise<void> {
    this.#say('crash', signal.replace(/^SIG/, ''));
    await inTime(this.ended, 'The program did not die.');
  }

  /** Writes `<name>.uf2` and exits with status 0. Default content: the target's name and shield. */
  async succeed(content: string | Uint8Array = `${this.target.name} ${this.target.shield}`): Promise<void> {
    await this.write(`${this.target.name}.uf2`, content);
    await this.exit(0);
  }

  async #do(name: string, ...words: (string | Uint8Array)[]): Promise<string> {
    const answer = new Promise<{ result?: string; error?: string }>(resolve => {
      if (this.open) this.#answers.push(resolve);
      else resolve({ error: 'The program is gone.' });
    });
    this.#say(name, ...words);
    const { result, error } = await inTime(answer, `The program did not answer to '${name}'.`);
    if (result === undefined) throw new Error(`${name}: ${error}`);
    return result;
  }

  #say(name: string, ...words: (string | Uint8Array)[]): void {
    this.#socket.write(`${[name, ...words.map(word => Buffer.from(word).toString('hex'))].join(' ')}\n`);
  }
}

function pairs({ argv }: RigRun): Target {
  return record(argv.map((word, index) => (index % 2 === 0 ? word.slice(2) : word))) as Target;
}

/** Pairs of names and values. */
function record(words: readonly string[]): Record<string, string> {
  const names = words.filter((_, index) => index % 2 === 0);
  return Object.fromEntries(names.map((name, index) => [name, words[2 * index + 1]!]));
}

function text(bytes: string): string {
  return Buffer.from(bytes, 'latin1').toString();
}

/** Whether a process exists and has not ended. A zombie, ended and not yet reaped by its parent, does not count. */
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
    // The process has gone meanwhile; or there is no /proc, and only the signal can tell.
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
