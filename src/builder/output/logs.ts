// Where the compilers' full output goes.
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
import { cacheKey } from '../../cache/keys.ts';

/**
 * A directory of log files, one for each target. In the cache directory they stay until the target is compiled again;
 * without one they are temporary, and stay only if somebody was told of one.
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
   * @param cacheRoot undefined when nothing is to be kept there. One that cannot be written is as good as none.
   * @param scratch a directory of the build's own, for when there is no other place: then no log stays
   */
  static async open(
    cacheRoot: string | undefined,
    configDirectory: string,
    scratch: string,
  ): Promise<LogDirectory> {
    if (cacheRoot !== undefined) {
      // Two configs can have targets of the same name, and be built at the same time.
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
        // The cache says on its own that its directory cannot be used.
      }
    }
    try {
      return new LogDirectory(mkdtempSync(path.join(os.tmpdir(), 'glovebox-logs-')), true);
    } catch {
      return new LogDirectory(scratch, true);
    }
  }

  /** The log file of a target, absolute, with nothing in it yet where that can be. Never throws: a build can do without. */
  file(artifactName: string): string {
    const file = path.join(this.path, `${artifactName}.log`);
    try {
      rmSync(file, { force: true });
    } catch {
      // The directory cannot be written any more. Whoever writes the log says so in the compiler's output.
    }
    return file;
  }

  /** Somebody was told of a log: it stays. */
  keep(): void {
    this.#kept = true;
  }

  async close(): Promise<void> {
    if (this.#temporary && !this.#kept) await rm(this.path, { recursive: true, force: true });
  }
}

/** A directory, and nobody else's to put links into: through those, logs would be written over other files. */
function isOwn(stats: Stats): boolean {
  if (!stats.isDirectory()) return false;
  return process.getuid === undefined || (stats.uid === process.getuid() && (stats.mode & 0o022) === 0);
}
