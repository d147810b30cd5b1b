// A new ZMK config for a keyboard: the files that its first firmware needs, and that ZMK's own workflow builds, too.
import { lstat, mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { GloveboxError } from '../../errors.ts';
import type { Controller, Keyboard } from './hardware.ts';
import { starterKeymap } from './starter-keymap.ts';

/** A config cannot be made where it was wanted. */
export class InitError extends GloveboxError {
  constructor(message: string, options?: ErrorOptions) {
    super('GLOVEBOX_INIT', message, options);
  }
}

export interface NewConfig {
  keyboard: Keyboard;
  /** Undefined for a keyboard with a controller of its own. */
  controller: Controller | undefined;
  /** The text of `west.yml`. */
  manifest: string;
  /** Branch, tag or commit of ZMK in it. */
  revision: string;
}

/**
 * The files of a config by their path in it, in the order in which a person reads them. The keymap is the keyboard's
 * own where ZMK's sources are there.
 */
export async function configFiles({
  keyboard,
  controller,
  manifest,
  revision,
}: NewConfig): Promise<Map<string, string>> {
  const { id, name, keymap, rows } = keyboard;
  const own = keymap === undefined ? undefined : await readFile(keymap, 'utf8').catch(() => undefined);
  const starter = rows.length > 0 ? starterKeymap({ name, rows }) : undefined;
  const text = own ?? starter;
  return new Map([
    ['build.yaml', buildYaml(keyboard, controller)],
    ...(text === undefined ? [] : [[`config/${id}.keymap`, text] as const]),
    [`config/${id}.conf`, `# Settings of the ${name}: https://zmk.dev/docs/config\n# CONFIG_ZMK_SLEEP=y\n`],
    ['config/west.yml', manifest],
    ['.github/workflows/build.yml', workflow(revision)],
    ['.gitignore', '/firmware/\n'],
  ]);
}

/**
 * Writes the files of a config. Rejects with {@link InitError}, with nothing written, if one of them is there already.
 *
 * @param directory absolute; created if necessary
 */
export async function writeConfig(directory: string, files: ReadonlyMap<string, string>): Promise<void> {
  const names = [...files.keys()];
  const taken: string[] = [];
  for (const name of names) {
    if (await isThere(path.join(directory, name))) taken.push(name);
  }
  if (taken.length > 0) {
    throw new InitError(
      `${directory} has ${taken.join(', ')} already, and nothing is overwritten. Choose an empty directory.`,
    );
  }
  try {
    for (const [name, text] of files) {
      const file = path.join(directory, name);
      await mkdir(path.dirname(file), { recursive: true });
      // Never over a file that appeared meanwhile.
      await writeFile(file, text, { flag: 'wx' });
    }
  } catch (error) {
    throw new InitError(
      `Cannot write to ${directory}: ${(error as Error).message}. Choose another directory.`,
      {
        cause: error,
      },
    );
  }
}

function isThere(file: string): Promise<boolean> {
  return lstat(file).then(
    () => true,
    // Below a file there can be none.
    () => false,
  );
}

function buildYaml({ name, kind, parts }: Keyboard, controller: Controller | undefined): string {
  const targets = parts.map(part =>
    kind === 'board' ? `  - board: ${part}\n` : `  - board: ${controller!.id}\n    shield: ${part}\n`,
  );
  const other =
    kind === 'board'
      ? ''
      : `# The firmware that erases all settings, such as paired devices:
#  - board: ${controller!.id}
#    shield: settings_reset
`;
  return `# What is built for the ${name}: one firmware for each part.
include:
${targets.join('')}${other}`;
}

function workflow(revision: string): string {
  return `# Builds every push on GitHub.
on: [push, pull_request, workflow_dispatch]
jobs:
  build:
    uses: zmkfirmware/zmk/.github/workflows/build-user-config.yml@${revision}
`;
}
