// Machines that share a queue and a remote cache: agents and people, each with an own home directory, user name, cache
// and checkout, as processes of the published program. Their compiler is a shell script, which notes each run.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { Redis as Client } from 'ioredis';
import type { AgentEvent } from '../../../src/builder/agents/agent-events.ts';
import { asMessage } from '../../../src/builder/agents/job.ts';
import { type QueueOverview, readOverview } from '../../../src/builder/agents/overview.ts';
import { parseWorkerName } from '../../../src/builder/agents/worker-name.ts';
import type { RemoteUse } from '../../../src/builder/events.ts';
import type { BuildEvent, BuildSummary } from '../../../src/builder/index.ts';
import { generateSigningKey } from '../../../src/cache/remote/signing.ts';
import { eventually } from '../../support/eventually.ts';
import { MAIN } from '../../support/published.ts';
import type { WestMachine } from '../west-rig/west-rig.ts';
import { Redis } from './redis.ts';

/** Copies a header into the firmware after a while. Each run appends a line to the file `runs` of all machines. */
const COMPILER = `
name=$1 build=$2 config=$3
echo "$name $USER" >> "$RUNS"
echo "compiling $name in $config"
case $(cat "$config/seconds") in
  go) while [ ! -e "$RUNS.go" ]; do sleep 0.05; done ;;
  *) sleep "$(cat "$config/seconds")" ;;
esac
if grep -q broken "$config/$name.h"; then
  echo "$config/$name.h:1:1: error: it is broken" >&2
  exit 3
fi
cat "$config/$name.h" > "$build/$name.uf2"
echo "$name.uf2: $config/$name.h $config/seconds" > "$build/read.d"
`;

const CONFIG = `toolchains:
  command:
    program: sh
    arguments: [compile.sh, '{name}', '{build}', '{config}/config']
    inputs: ['config/**', compile.sh]
    artifacts: ['*.uf2']
    observed: read.d
    passThrough: [PATH, RUNS, USER]
`;

export interface FleetOptions {
  /** URL of the remote cache. */
  remote: string;
  targets: number;
  /** How long the compiler sleeps; `go`: until {@link Fleet.go}. */
  seconds: number | 'go';
  password?: string;
}

/** All machines of a test, and their queue. */
export class Fleet {
  readonly root: string;
  readonly redis: Redis;
  readonly options: FleetOptions;
  readonly names: string[];
  readonly #keys = Array.from({ length: 12 }, () => generateSigningKey());
  readonly #machines: Machine[] = [];
  readonly children = new Set<ChildProcess>();

  private constructor(root: string, redis: Redis, options: FleetOptions) {
    this.root = root;
    this.redis = redis;
    this.options = options;
    this.names = Array.from({ length: options.targets }, (_, index) => `key${index}`);
  }

  static async start(options: FleetOptions): Promise<Fleet> {
    const root = mkdtempSync(path.join(os.tmpdir(), 'fleet-'));
    const redis = await Redis.start(root, options.password);
    writeFileSync(path.join(root, 'runs'), '');
    return new Fleet(root, redis, options);
  }

  /** Ends every process, and removes everything. */
  async stop(): Promise<void> {
    for (const child of this.children) {
      // A stopped process does not end by other signals.
      child.kill('SIGCONT');
      child.kill('SIGKILL');
    }
    await Promise.all(
      [...this.children].map(child => child.exitCode ?? child.signalCode ?? once(child, 'close')),
    );
    await this.redis.kill();
    // Compilers of killed agents may still write.
    await eventually(() => compilersBelow(this.root).length === 0);
    rmSync(this.root, { recursive: true, force: true, maxRetries: 5 });
  }

  /** A machine with its own checkout of the same config. */
  machine(name: string, environment: Record<string, string> = {}): Machine {
    const key = this.#keys[this.#machines.length]!;
    const machine = new Machine(this, name, {
      GLOVEBOX_REMOTE: this.options.remote,
      GLOVEBOX_REMOTE_MODE: 'read-write',
      GLOVEBOX_SIGNING_KEY: key.privateKey,
      GLOVEBOX_REMOTE_TRUST: this.#keys.map(({ publicKey }) => publicKey).join(','),
      GLOVEBOX_QUEUE: this.redis.url,
      ...environment,
    });
    this.#machines.push(machine);
    return machine;
  }

  /** Lets compilers go on that wait. */
  go(): void {
    writeFileSync(path.join(this.root, 'runs.go'), '');
  }

  /** The only queue of jobs. */
  async queue(): Promise<QueueOverview> {
    const [queue] = await readOverview(this.redis.url);
    if (queue === undefined) throw new Error('There is no queue.');
    return queue;
  }

  /** Everyone who ever had a job of the last hour, by the queue's own data. */
  async takers(): Promise<string[]> {
    const client = new Client(this.redis.url);
    const found = new Set<string | undefined>();
    for (const key of await client.keys('bull:glovebox-*')) {
      if ((await client.type(key)) !== 'hash') continue;
      const [taker, message] = await client.hmget(key, 'pb', 'progress');
      if (taker) found.add(parseWorkerName(taker)?.label);
      if (message) found.add(asMessage(JSON.parse(message))?.by);
    }
    client.disconnect();
    return [...found].filter(label => label !== undefined).sort();
  }

  /** The compiler runs so far: `key0 alice`. */
  get runs(): string[] {
    return readFileSync(path.join(this.root, 'runs'), 'utf8').split('\n').slice(0, -1);
  }
}

export class Machine {
  readonly fleet: Fleet;
  readonly name: string;
  readonly home: string;
  readonly checkout: string;
  readonly environment: Record<string, string>;

  constructor(fleet: Fleet, name: string, environment: Record<string, string>) {
    this.fleet = fleet;
    this.name = name;
    this.home = path.join(fleet.root, name);
    this.checkout = path.join(this.home, `checkout-of-${name}`);
    this.environment = {
      ...{ PATH: process.env.PATH!, HOME: this.home, USER: name, RUNS: path.join(fleet.root, 'runs') },
      NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE ?? '',
      ...environment,
    };
    mkdirSync(path.join(this.checkout, 'config'), { recursive: true });
    const targets = fleet.names.map(
      target => `  - { board: nice_nano, shield: ${target}, artifact-name: ${target} }\n`,
    );
    this.write('build.yaml', `include:\n${targets.join('')}`);
    this.write('glovebox.config.yaml', CONFIG);
    this.write('compile.sh', COMPILER);
    this.write('config/seconds', `${fleet.options.seconds}\n`);
    for (const target of fleet.names) this.write(`config/${target}.h`, `${target}\n`);
  }

  write(file: string, content: string): void {
    writeFileSync(path.join(this.checkout, file), content);
  }

  edit(file: string, change: (text: string) => string): void {
    this.write(file, change(readFileSync(path.join(this.checkout, file), 'utf8')));
  }

  /** The firmware in its output directory. */
  get firmware(): Record<string, string> {
    const directory = path.join(this.checkout, 'firmware');
    const names = existsSync(directory) ? readdirSync(directory).sort() : [];
    return Object.fromEntries(names.map(name => [name, readFileSync(path.join(directory, name), 'utf8')]));
  }

  /** Makes it a machine of {@link WestMachine}'s kind: with its programs, and own copies of its config and workspace. */
  settle({ config, workspace }: WestMachine, toolchain: string): string {
    // Beside the original, where the rig's compiler finds its parts.
    const own = path.join(path.dirname(workspace), `workspace of ${this.name}`);
    rmSync(this.checkout, { recursive: true });
    cpSync(config, this.checkout, { recursive: true });
    cpSync(workspace, own, { recursive: true });
    this.write('glovebox.config.yaml', `${toolchain}\nbuild: { workspace: '${own}' }\n`);
    return own;
  }

  /** Starts an agent here, and resolves once it takes jobs. */
  async agent(jobs = 1, ...more: string[]): Promise<Program<AgentEvent>> {
    const words = ['agent', '--jobs', String(jobs), '--accept', 'command', '--name', this.name];
    const agent = this.program<AgentEvent>([...words, '--json', ...more]);
    await agent.event(({ type }) => type === 'agent-started');
    return agent;
  }

  /** Starts a build here. */
  build(...more: string[]): Program<BuildEvent> {
    return this.program<BuildEvent>(['build', '--json', '--jobs', '1', ...more]);
  }

  /** Starts the program here. */
  program<Event extends { type: string; at: number }>(words: readonly string[]): Program<Event> {
    return new Program<Event>(this, words);
  }
}

/** A running `glovebox` that prints events. */
export class Program<Event extends { type: string; at: number }> {
  readonly events: Event[] = [];
  /** Times of arrival in milliseconds since the epoch, by event. */
  readonly arrived = new Map<Event, number>();
  readonly child: ChildProcess;
  errors = '';
  readonly #closed: Promise<unknown>;
  #more = Promise.withResolvers<void>();
  #isOver = false;

  constructor({ fleet, checkout, environment }: Machine, words: readonly string[]) {
    this.child = spawn(process.execPath, [MAIN, ...words], {
      cwd: checkout,
      env: environment,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    fleet.children.add(this.child);
    this.#closed = once(this.child, 'close').then(() => {
      fleet.children.delete(this.child);
      this.#isOver = true;
      this.#more.resolve();
    });
    createInterface({ input: this.child.stdout! }).on('line', line => {
      if (!line.startsWith('{"')) return;
      const event = JSON.parse(line) as Event;
      this.events.push(event);
      this.arrived.set(event, Date.now());
      this.#more.resolve();
      this.#more = Promise.withResolvers();
    });
    this.child.stderr!.on('data', (text: Buffer) => {
      this.errors += text.toString();
    });
  }

  /** The first event of this form, as soon as it arrives. */
  async event<Wanted extends Event>(is: (event: Event) => boolean): Promise<Wanted> {
    for (;;) {
      const found = this.events.find(is);
      if (found !== undefined) return found as Wanted;
      if (this.#isOver) {
        const seen = this.events.map(({ type }) => type).join(', ');
        throw new Error(`It ended without the event. It printed ${seen}\n${this.errors}`);
      }
      await this.#more.promise;
    }
  }

  /** Resolves to the exit status, once it has ended. */
  async status(): Promise<number | string | null> {
    await this.#closed;
    return this.child.signalCode ?? this.child.exitCode;
  }

  kill(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }
}

export interface Built extends BuildSummary {
  remoteCache?: RemoteUse;
  status: number | string | null;
  warnings: string[];
  failures: string[];
  /** How each target ended: `compiled`, `agent`, `remote`, `failed` and so on. */
  ends: Record<string, string>;
}

/** The result of a build, once it has ended. */
export async function built(program: Program<BuildEvent>): Promise<Built> {
  const status = await program.status();
  const ends: Record<string, string> = {};
  let summary: BuildSummary | undefined;
  for (const event of program.events) {
    if (event.type === 'build-finished') summary = event;
    const end =
      event.type === 'target-finished'
        ? event.source
        : event.type === 'target-failed' || event.type === 'target-cancelled'
          ? event.type
          : undefined;
    if (end === undefined || !('target' in event) || event.target === undefined) continue;
    if (ends[event.target] !== undefined) throw new Error(`${event.target} ended twice`);
    ends[event.target] = end;
  }
  if (summary === undefined)
    throw new Error(`The build printed no summary (status ${status}).\n${program.errors}`);
  const warnings = program.events.flatMap(event => (event.type === 'warning' ? [event.message] : []));
  const failures = program.events.flatMap(event =>
    event.type === 'target-failed' ? [event.message, ...event.lastLines] : [],
  );
  return { ...summary, status, warnings, failures, ends };
}

/** Processes that work below a directory and are no program of ours: compilers. */
export function compilersBelow(root: string): number[] {
  return readdirSync('/proc')
    .filter(name => /^\d+$/.test(name))
    .filter(pid => {
      try {
        const words = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
        return words.includes('compile.sh') && words.some(word => word.startsWith(root));
      } catch {
        return false;
      }
    })
    .map(Number);
}
