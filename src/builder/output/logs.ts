// Log directory for the compilers' full output.
import {
  accessSync,
  constants,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  type Stats,
  statSync,
} from 'node:fs';
import { rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { cacheKey } from '../../cache/cache-key.ts';

/**
 * A directory of log files, one for each target. In the cache directory they stay until the target is compiled again.
 * Without a cache directory they are temporary, and stay only if a message named one.
 */
export class LogDirectory {
  readonly path: string;
  readonly #temporary: boolean;
  #kept = false;

  private constructor(directory: string, temporary: boolean) {
    this.path = directory;
    this.#temporary = temporary;
  }

  /**
   * @param cacheRoot undefined to keep no logs there. An unwritable directory counts as undefined.
   *
   * @param scratch a directory of the build itself, used if there is no other place: then no log stays
   */
  static async open(
    cacheRoot: string | undefined,
    configDirectory: string,
    scratch: string,
  ): Promise<LogDirectory> {
    if (cacheRoot !== undefined) {
      // Two configs can have targets of the same name, built at the same time.
      const digest = (await cacheKey(configDirectory)).slice(0, 8);
      const directory = path.join(cacheRoot, 'logs', `${path.basename(configDirectory)}-${digest}`);
      try {
        mkdirSync(directory, { recursive: true, mode: 0o700 });
        accessSync(directory, constants.W_OK);
        if (
          isOwn(statSync(cacheRoot)) &&
          isOwn(lstatSync(path.dirname(directory))) &&
          isOwn(lstatSync(directory))
        ) {
          return new LogDirectory(directory, false);
        }
      } catch {
        // The cache itself reports that its directory cannot be used.
      }
    }
    try {
      return new LogDirectory(mkdtempSync(path.join(os.tmpdir(), 'glovebox-logs-')), true);
    } catch {
      return new LogDirectory(scratch, true);
    }
  }

  /** The log file of a target, absolute, and empty if possible. Never throws: a build can do without. */
  file(artifactName: string): string {
    const file = path.join(this.path, `${artifactName}.log`);
    try {
      rmSync(file, { force: true });
    } catch {
      // The directory has become unwritable. Opening the log reports that in the compiler's output.
    }
    return file;
  }

  /** Keeps the logs, because a message named one of them. */
  keep(): void {
    this.#kept = true;
  }

  async close(): Promise<void> {
    if (this.#temporary && !this.#kept) await rm(this.path, { recursive: true, force: true });
  }
}

/** Whether no other user can place links in a directory: a log written through one would overwrite another file. */
function isOwn(stats: Stats): boolean {
  if (!stats.isDirectory()) return false;
  return process.getuid === undefined || (stats.uid === process.getuid() && (stats.mode & 0o022) === 0);
}
