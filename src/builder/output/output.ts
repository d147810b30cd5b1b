// The output directory: whole files appear in it, each at once, and nothing else stays.
import { lstatSync, mkdirSync, renameSync, rmdirSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import path from 'node:path';
import { GloveboxError } from '../../errors.ts';
import { removeStale, temporaryName } from '../../system/stale-files.ts';
import { remedyOf } from '../../system/system-error.ts';
import { assertArtifactName, foldName, STAGING_PREFIX } from './artifact-name.ts';

/** Of these and of earlier versions. */
const STAGING = /^\.glovebox-(\d{1,10}-.*)$/s;

/** Firmware cannot be written where it should go. */
export class OutputError extends GloveboxError {
  constructor(message: string, options?: ErrorOptions) {
    super('GLOVEBOX_OUTPUT', message, options);
  }
}

/**
 * Where a build's firmware goes. Files are gathered in a hidden directory beside their destination, so that moving them
 * there is one step each; {@link close} removes it.
 */
export class OutputDirectory {
  /** Absolute. */
  readonly path: string;
  readonly #staging: string;
  readonly #created: boolean;
  /** Which target made a file, by its name where case makes no difference. */
  readonly #owners = new Map<string, string>();
  #count = 0;

  private constructor(directory: string, staging: string, created: boolean) {
    this.path = directory;
    this.#staging = staging;
    this.#created = created;
  }

  /** Makes the directory if need be. Rejects with {@link OutputError} when it cannot be written. */
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
   * Moves a target's staged files into the output directory and returns where they are. What was there is replaced,
   * links included, which are not followed. Throws {@link OutputError}, with no file moved, when one of the names
   * belongs to another target of this build or cannot be replaced.
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

  /** Removes everything that was staged and not published, and the directory itself if it was made for nothing. */
  async close(): Promise<void> {
    await rm(this.#staging, { recursive: true, force: true });
    if (!this.#created) return;
    try {
      rmdirSync(this.path);
    } catch {
      // There is firmware in it.
    }
  }
}
