// Test machines that share a remote cache: each has its own home directory, user, cache and checkout. They use the same
// shell script as their compiler, unless a test replaces it.
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import type { ExecutionContext } from 'ava';
import type { BuildEvent, BuildOptions, BuildSummary } from '../../../src/builder/index.ts';
import { generateSigningKey } from '../../../src/cache/remote/signing.ts';
import { type ConfigValues, createUserConfig } from '../../../src/config/index.ts';
import { closeForAll } from '../../support/close-for-all.ts';
import { publishedBuild, publishedLibrary } from '../../support/published.ts';

const { build } = await publishedBuild();
const { createDefaultCache } = await publishedLibrary();

/** The key pair of the machine that writes. */
export const CI_KEY = generateSigningKey();

/** Makes firmware of a keymap and a header, and reports both as read. */
export const COMPILER = `
name=$1 build=$2 config=$3
cat "$config/corne.keymap" "$config/$name.h" > "$build/$name.uf2"
echo "$name.uf2: $config/corne.keymap $config/$name.h" > "$build/read.d"
echo "           FLASH:      208016 B       792 KB     25.65%"
`;

export interface RemoteMachineOptions {
  /** The cache's address. */
  url: string;
  /** Writes and signs with this key. Default: it only reads. */
  signingKey?: string;
  /** The trusted keys. Default: {@link CI_KEY}. */
  trust?: string[];
  /** Number of targets. Default: 2. */
  targets?: number;
  toolchain?: Partial<NonNullable<NonNullable<ConfigValues['toolchains']>['command']>>;
}

export interface Built extends BuildSummary {
  events: BuildEvent[];
  warnings: string[];
  /** The reason why each target was not in a cache. */
  why: string[];
  firmware: Record<string, string>;
}

export class RemoteMachine {
  readonly root: string;
  readonly config: string;
  readonly cacheRoot: string;
  readonly home: string;
  readonly #options: RemoteMachineOptions;

  constructor(root: string, options: RemoteMachineOptions) {
    this.root = root;
    this.config = path.join(root, `checkout-of-${path.basename(root)}`);
    this.cacheRoot = path.join(root, 'cache');
    this.home = path.join(root, 'home');
    this.#options = options;
  }

  async write(file: string, content: string): Promise<void> {
    const place = path.join(this.config, file);
    await mkdir(path.dirname(place), { recursive: true });
    await writeFile(place, content);
  }

  /** Builds in the environment of this machine. For serial tests. */
  async build(more: Partial<BuildOptions> = {}): Promise<Built> {
    const { url, signingKey, trust = [`${CI_KEY.publicKey} ci`], toolchain } = this.#options;
    const before = { ...process.env };
    Object.assign(process.env, {
      HOME: this.home,
      USER: path.basename(this.root),
      PATH: `${this.home}/bin:${process.env.PATH}`,
      ...(signingKey === undefined ? {} : { GLOVEBOX_SIGNING_KEY: signingKey }),
    });
    const events: BuildEvent[] = [];
    try {
      const userConfig = createUserConfig(
        {
          remote: { url, trust, mode: signingKey === undefined ? 'read' : 'read-write' },
          toolchains: {
            command: {
              ...{ program: 'sh', arguments: ['compile.sh', '{name}', '{build}', '{config}/config'] },
              ...{ inputs: ['config/**', 'compile.sh'], artifacts: ['*.uf2'], observed: 'read.d' },
              ...toolchain,
            },
          },
        },
        { directory: this.config },
      );
      const summary = await build({
        ...{ configDirectory: this.config, cacheRoot: this.cacheRoot, toolchain: 'command', userConfig },
        onEvent: event => events.push(event),
        ...more,
      });
      return {
        ...{ ...summary, events, firmware: await this.#firmware() },
        warnings: events.flatMap(event => (event.type === 'warning' ? [event.message] : [])),
        why: events.flatMap(event =>
          event.type === 'target-missed' || event.type === 'target-planned' ? event.why : [],
        ),
      };
    } finally {
      for (const name of Object.keys(process.env)) if (!Object.hasOwn(before, name)) delete process.env[name];
      Object.assign(process.env, before);
    }
  }

  async #firmware(): Promise<Record<string, string>> {
    const directory = path.join(this.config, 'firmware');
    const names = (await readdir(directory).catch((): string[] => [])).sort();
    const contents = names.map(async name => [name, await readFile(path.join(directory, name), 'utf8')]);
    return Object.fromEntries(await Promise.all(contents));
  }
}

/** A machine with a checkout of the same config, until the test ends. */
export async function remoteMachine(
  t: ExecutionContext,
  options: RemoteMachineOptions,
): Promise<RemoteMachine> {
  const machine = new RemoteMachine(await mkdtemp(path.join(os.tmpdir(), 'user-')), options);
  await mkdir(path.join(machine.home, 'bin'), { recursive: true });
  const names = Array.from({ length: options.targets ?? 2 }, (_, index) => `key${index}`);
  await machine.write(
    'build.yaml',
    `include:\n${names.map(name => `  - { board: nice_nano, shield: ${name}, artifact-name: ${name} }\n`).join('')}`,
  );
  await machine.write('compile.sh', COMPILER);
  await machine.write('config/corne.keymap', 'keymap\n');
  for (const name of names) await machine.write(`config/${name}.h`, `${name}\n`);
  t.teardown(async () => {
    for (const tag of ['compilation', 'firmware', 'glovebox-remote'])
      await closeForAll(createDefaultCache({ tag, cacheRoot: machine.cacheRoot }));
    await rm(machine.root, { recursive: true, force: true });
  });
  return machine;
}
