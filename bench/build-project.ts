// A ZMK config of any number of keyboards whose compiler takes next to no time: what is measured is what is around it.
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { BuildEvent } from '../src/builder/events.ts';
import { runNode } from './child.ts';
import { baseEnvironment, type Installation } from './distribution.ts';
import { BenchmarkFailure } from './worker-group.ts';

/** What a build has to have done. */
export interface Counts {
  compiled: number;
  cached: number;
}

// As large as a keymap, its configuration, and the firmware of a keyboard are.
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
  /** Holds `build.yaml`. */
  readonly directory: string;
  /** Where Glovebox puts the firmware. */
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
    // Not all the same, so that nothing that compresses has it easy.
    for (let offset = 0; offset < BASE_BYTES; offset += 4) {
      this.#base.writeUInt32LE(Math.imul(offset + 1, 2_654_435_761) >>> 0, offset);
    }
  }

  /**
   * @param directory an empty one; the caches, too, are made in it
   * @param environment what the builds get beyond what they need
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

  /** Saves another keymap for one of the keyboards. */
  async edit(index: number, version: number): Promise<void> {
    const shield = shieldOf(index);
    this.#keymaps[index] = `// ${shield}, ${version}\n`.padEnd(KEYMAP_BYTES, '&kp A ');
    await this.#write(`config/${shield}.keymap`, this.#keymaps[index]);
  }

  /** As on a machine that never built anything. */
  async forgetAll(): Promise<void> {
    await rm(this.#caches, { recursive: true, force: true });
  }

  /** As after a checkout: the next build has to write every firmware. */
  async removeFirmware(): Promise<void> {
    await rm(this.output, { recursive: true, force: true });
  }

  /**
   * Runs `glovebox build`, and looks at every byte of every firmware.
   * @returns how long the whole process took, in milliseconds
   * @throws BenchmarkFailure when it did not do what was expected
   */
  async build(installation: Installation, expected: Counts): Promise<number> {
    const milliseconds = await runBuild(installation, this.directory, this.#environment, expected);
    await this.check(this.output);
    return milliseconds;
  }

  /**
   * Looks at every byte of every firmware in a directory.
   * @throws BenchmarkFailure when one is missing, one too many or not what its inputs make
   */
  async check(directory: string): Promise<void> {
    const files = await readdir(directory);
    if (files.length !== this.targets) {
      throw new BenchmarkFailure(`There are ${files.length} firmwares instead of ${this.targets}.`);
    }
    for (const [index, keymap] of this.#keymaps.entries()) {
      const name = `${shieldOf(index)}-nice_nano_v2-zmk.uf2`;
      const found = await readFile(join(directory, name));
      const inputs = [Buffer.from(keymap), Buffer.from(confOf(shieldOf(index))), this.#base];
      if (!found.equals(Buffer.concat(inputs))) {
        throw new BenchmarkFailure(`${name} is not what its inputs make.`);
      }
    }
  }

  async #write(name: string, content: string | Uint8Array): Promise<void> {
    await writeFile(join(this.directory, name), content);
  }
}

/**
 * Runs `glovebox build` on a config directory.
 * @returns how long the whole process took, in milliseconds
 * @throws BenchmarkFailure when it did not do what was expected
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
