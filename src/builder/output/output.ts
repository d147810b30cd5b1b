// Output directory: each file appears atomically, complete, and nothing else is left behind.
import { lstatSync, mkdirSync, renameSync, rmdirSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import path from 'node:path';
import { GloveboxError } from '../../errors.ts';
import { removeStale, temporaryName } from '../../system/stale-files.ts';
import { remedyOf } from '../../system/system-error.ts';
import { assertArtifactName, foldName, STAGING_PREFIX } from './artifact-name.ts';

/** Matches the directories of this version and of earlier ones. */
const STAGING = /^\.glovebox-(\d{1,10}-.*)$/s;

/** Firmware cannot be written to the output directory. */
export class OutputError extends GloveboxError {
  constructor(message: string, options?: ErrorOptions) {
    super('GLOVEBOX_OUTPUT', message, options);
  }
}

/**
 * Destination of a build's firmware. Files are staged in a hidden directory beside it, so that each can be moved there
 * in one step; {@link close} removes the staging directory.
 */
export class OutputDirectory {
  /** Absolute. */
  readonly path: string;
  readonly #staging: string;
  readonly #created: boolean;
  /** The target that made each file, by case-folded name. */
  readonly #owners = new Map<string, string>();
  #count = 0;

  private constructor(directory: string, staging: string, created: boolean) {
    this.path = directory;
    this.#staging = staging;
    this.#created = created;
  }

  /** Creates the directory if necessary. Rejects with {@link OutputError} if it cannot be written. */
  static async open(directory: string): Promise<OutputDirectory> {
    try {
      const created = mkdirSync(directory, { recursive: true }) !== undefined;
      await removeStale(directory, { kind: 'directory', pattern: STAGING });
      const staging = path.join(directory, temporaryName(STAGING_PREFIX));
      mkdirSync(staging, { mode: 0o700 });
      return new OutputDirectory(directory, staging, created);
    } catch (error) {
      throw new OutputError(
        `Cannot write to the output directory ${directory}: ${(error as Error).message}. ${remedyOf(error, directory)}, or choose another one.`,
        { cause: error },
      );
    }
  }

  /** A new empty directory from which {@link publish} takes files. */
  stage(): string {
    const directory = path.join(this.#staging, String(this.#count++));
    mkdirSync(directory);
    return directory;
  }

  /**
   * Moves a target's staged files into the output directory and returns their paths. Existing files are replaced; so
   * are links, without following them. Throws {@link OutputError}, with no file moved, if a name belongs to another
   * target of this build or cannot be replaced.
   */
  publish(target: string, staged: readonly string[]): string[] {
    const moves = staged.map(file => {
      const name = path.basename(file);
      assertArtifactName(name);
      const owner = this.#owners.get(foldName(name));
      if (owner !== undefined && owner !== target) {
        throw new OutputError(
          `Both ${owner} and ${target} make ${name}. Have the toolchain name its artifacts by target ({name}).`,
        );
      }
      const destination = path.join(this.path, name);
      if (lstatSync(destination, { throwIfNoEntry: false })?.isDirectory()) {
        throw new OutputError(`Cannot replace ${destination}: it is a directory. Remove it.`);
      }
      return { file, name, destination };
    });
    for (const { file, name, destination } of moves) {
      renameSync(file, destination);
      this.#owners.set(foldName(name), target);
    }
    return moves.map(({ destination }) => destination);
  }

  /**
   * Removes all staged files that were not published, and the directory itself if it was created and is still empty.
   */
  async close(): Promise<void> {
    await rm(this.#staging, { recursive: true, force: true });
    if (!this.#created) return;
    try {
      rmdirSync(this.path);
    } catch {
      // It holds firmware.
    }
  }
}
