// Build benchmark project: a ZMK config with any number of keyboards, and a compiler that takes almost no time.
// Measures the work around the compiler.
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { BuildEvent } from '../src/builder/events.ts';
import { runNode } from './child.ts';
import { baseEnvironment, type Installation } from './distribution.ts';
import { BenchmarkFailure } from './worker-group.ts';

/** Expected results of a build. */
export interface Counts {
  compiled: number;
  cached: number;
}

// As large as a real keymap, configuration and firmware.
const KEYMAP_BYTES = 6000;
const CONF_BYTES = 500;
const BASE_BYTES = 400_000;

const COMPILER = `cat "config/$1.keymap" "config/$1.conf" base.bin > "$2/zmk.uf2"
echo "zmk.uf2: config/$1.keymap config/$1.conf base.bin compile.sh" > "$2/inputs.d"
`;

const OPTIONS = {
  build: { toolchain: 'command' },
  toolchains: {
    command: {
      program: 'sh',
      arguments: ['compile.sh', '{shield}', '{build}'],
      inputs: ['config/**', 'compile.sh', 'base.bin'],
      artifacts: ['*.uf2'],
      observed: 'inputs.d',
    },
  },
};

export class BuildProject {
  readonly targets: number;
  /** Directory of `build.yaml`. */
  readonly directory: string;
  /** Directory where Glovebox puts the firmware. */
  readonly output: string;
  readonly #environment: Record<string, string>;
  readonly #caches: string;
  readonly #base = Buffer.alloc(BASE_BYTES);
  readonly #keymaps: string[] = [];

  private constructor(directory: string, targets: number, environment: Record<string, string>) {
    this.directory = join(directory, 'keyboards');
    this.output = join(this.directory, 'firmware');
    this.#caches = join(directory, 'caches');
    this.targets = targets;
    this.#environment = {
      ...baseEnvironment(),
      ...environment,
      HOME: directory,
      GLOVEBOX_CACHE_DIR: this.#caches,
    };
    // Varying bytes, so that compression does not help.
    for (let offset = 0; offset < BASE_BYTES; offset += 4) {
      this.#base.writeUInt32LE(Math.imul(offset + 1, 2_654_435_761) >>> 0, offset);
    }
  }

  /**
   * @param directory an empty directory; the caches are created in it too
   * @param environment additional variables for the builds
   */
  static async create(
    directory: string,
    targets: number,
    environment: Record<string, string> = {},
  ): Promise<BuildProject> {
    const project = new BuildProject(directory, targets, environment);
    await mkdir(join(project.directory, 'config'), { recursive: true });
    const shields = Array.from({ length: targets }, (_, index) => shieldOf(index));
    const matrix = shields.map(shield => `  - { board: nice_nano_v2, shield: ${shield} }\n`);
    await project.#write('build.yaml', `include:\n${matrix.join('')}`);
    await project.#write('glovebox.config.json', JSON.stringify(OPTIONS));
    await project.#write('compile.sh', COMPILER);
    await project.#write('base.bin', project.#base);
    for (const [index, shield] of shields.entries()) {
      await project.#write(`config/${shield}.conf`, confOf(shield));
      await project.edit(index, 0);
    }
    return project;
  }

  /** Writes a changed keymap for one keyboard. */
  async edit(index: number, version: number): Promise<void> {
    const shield = shieldOf(index);
    this.#keymaps[index] = `// ${shield}, ${version}\n`.padEnd(KEYMAP_BYTES, '&kp A ');
    await this.#write(`config/${shield}.keymap`, this.#keymaps[index]);
  }

  /** Resets to the state of a machine that never built anything. */
  async forgetAll(): Promise<void> {
    await rm(this.#caches, { recursive: true, force: true });
  }

  /** Resets to the state after a checkout: the next build must write every firmware. */
  async removeFirmware(): Promise<void> {
    await rm(this.output, { recursive: true, force: true });
  }

  /**
   * Runs `glovebox build` and checks every byte of every firmware.
   * @returns duration of the whole process, in milliseconds
   * @throws BenchmarkFailure when the counts differ from the expected ones
   */
  async build(installation: Installation, expected: Counts): Promise<number> {
    const milliseconds = await runBuild(installation, this.directory, this.#environment, expected);
    await this.check(this.output);
    return milliseconds;
  }

  /**
   * Checks every byte of every firmware in a directory.
   * @throws BenchmarkFailure when one is missing, unexpected or does not match its inputs
   */
  async check(directory: string): Promise<void> {
    const files = await readdir(directory);
    if (files.length !== this.targets) {
      throw new BenchmarkFailure(`Found ${files.length} firmware files instead of ${this.targets}.`);
    }
    for (const [index, keymap] of this.#keymaps.entries()) {
      const name = `${shieldOf(index)}-nice_nano_v2-zmk.uf2`;
      const found = await readFile(join(directory, name));
      const inputs = [Buffer.from(keymap), Buffer.from(confOf(shieldOf(index))), this.#base];
      if (!found.equals(Buffer.concat(inputs))) {
        throw new BenchmarkFailure(`${name} does not match its inputs.`);
      }
    }
  }

  async #write(name: string, content: string | Uint8Array): Promise<void> {
    await writeFile(join(this.directory, name), content);
  }
}

/**
 * Runs `glovebox build` on a config directory.
 * @returns duration of the whole process, in milliseconds
 * @throws BenchmarkFailure when the counts differ from the expected ones
 */
export async function runBuild(
  { program }: Installation,
  directory: string,
  environment: Record<string, string>,
  expected: Counts,
): Promise<number> {
  const { stdout, milliseconds } = await runNode([program, 'build', directory, '--json'], environment);
  const events = stdout
    .trim()
    .split('\n')
    .map(line => JSON.parse(line) as BuildEvent);
  const end = events.find(event => event.type === 'build-finished');
  if (end?.compiled !== expected.compiled || end.cached !== expected.cached) {
    const targets = expected.compiled + expected.cached;
    throw new BenchmarkFailure(
      `A build of ${targets} targets compiled ${end?.compiled} and took ${end?.cached} from the cache instead of ${expected.compiled} and ${expected.cached}.`,
    );
  }
  return milliseconds;
}

function shieldOf(index: number): string {
  return `keyboard_${index}`;
}

function confOf(shield: string): string {
  return `CONFIG_ZMK_KEYBOARD_NAME="${shield}"\n`.padEnd(CONF_BYTES, '# \n');
}
