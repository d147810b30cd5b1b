// Compiler epoch: the time in which all targets may share objects in ccache. It lasts while the compiler's parts stay the
// same, of which ccache itself knows only the outermost program.
//
//   <cache root>/west/compiler-<digest of what chooses the compiler>/record.json   the parts, as the last build found them
//                                                                   /using-…      one for each running build
//
// It covers objects that ccache finds by their preprocessed sources, which are the same for every target. Those that it
// finds without the preprocessor belong to one target: see `CcacheEpoch`.
import { randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { currentProcess, isDead, type ProcessIdentity } from '../../../system/process-identity.ts';
import type { UsedTools } from '../observed/index.ts';
import { areSame, changedSince, type FileMarks, markFiles } from './file-marks.ts';

interface CompilerRecord {
  id: string;
  tools: FileMarks;
  /** Paths at which a part would have been found first. */
  absent: string[];
}

const RECORD = 'record.json';
const USING = 'using-';

export class CompilerEpoch {
  readonly #directory: string;
  readonly #id: string;
  readonly #using: string;
  readonly #isNew: boolean;
  readonly #started = Date.now();

  private constructor(directory: string, id: string, isNew: boolean) {
    this.#directory = directory;
    this.#id = id;
    this.#isNew = isNew;
    this.#using = path.join(directory, `${USING}${randomUUID()}`);
  }

  /**
   * Begins a build in the epoch of earlier ones, or in a new epoch if the compiler has changed. Undefined if the directory
   * cannot be written to.
   *
   * @param directory shared by all builds with this compiler. Absolute
   */
  static begin(directory: string): CompilerEpoch | undefined {
    try {
      mkdirSync(directory, { recursive: true, mode: 0o700 });
      const record = hasInterrupted(directory) ? undefined : readRecord(directory);
      const isValid = record !== undefined && holds(record);
      if (!isValid) rmSync(path.join(directory, RECORD), { force: true });
      const epoch = new CompilerEpoch(directory, isValid ? record.id : randomUUID(), !isValid);
      writeFileSync(epoch.#using, JSON.stringify(currentProcess()), { mode: 0o600 });
      return epoch;
    } catch {
      return undefined;
    }
  }

  /** Part of the key of every object. */
  get id(): string {
    return this.#id;
  }

  /**
   * Ends a build. If the compiler changed during the build, the epoch ends too.
   *
   * @param tools the compiler's parts. Undefined: unknown, as after an interrupted build
   */
  end(tools: UsedTools | undefined): void {
    try {
      this.#remember(tools);
    } catch {
      rmSync(path.join(this.#directory, RECORD), { force: true });
    } finally {
      rmSync(this.#using, { force: true });
    }
  }

  #remember(tools: UsedTools | undefined): void {
    const file = path.join(this.#directory, RECORD);
    const record = readRecord(this.#directory);
    // Meanwhile another build has begun a new epoch.
    if (this.#isNew ? record !== undefined : record?.id !== this.#id) return;
    if (record !== undefined && !holds(record)) {
      rmSync(file, { force: true });
      return;
    }
    if (tools === undefined) return;
    const known = record?.tools ?? {};
    const added = tools.files.filter(part => known[part] === undefined);
    const places = tools.absent.filter(place => !record?.absent.includes(place));
    const isUncertain =
      added.some(part => changedSince(part, this.#started)) ||
      places.some(place => existsSync(place) || changedSince(path.dirname(place), this.#started));
    if (isUncertain) {
      rmSync(file, { force: true });
      return;
    }
    if (record !== undefined && added.length === 0 && places.length === 0) return;
    const next: CompilerRecord = {
      id: this.#id,
      tools: { ...known, ...markFiles(added) },
      absent: [...(record?.absent ?? []), ...places],
    };
    const part = `${this.#using}.part`;
    writeFileSync(part, JSON.stringify(next), { mode: 0o600 });
    renameSync(part, file);
  }
}

/**
 * Whether a process died while it built in the epoch: the compiler may have changed during that build, unnoticed. Removes
 * the marks of dead processes.
 */
function hasInterrupted(directory: string): boolean {
  let found = false;
  for (const name of readdirSync(directory)) {
    if (!name.startsWith(USING)) continue;
    const file = path.join(directory, name);
    let user: ProcessIdentity | undefined;
    try {
      user = JSON.parse(readFileSync(file, 'utf8')) as ProcessIdentity;
    } catch {
      // The build has just ended; or its mark is incomplete, and counts as one of a dead process.
      if (!existsSync(file)) continue;
    }
    if (user !== undefined && !isDead(user)) continue;
    found = true;
    rmSync(file, { force: true });
  }
  return found;
}

function holds({ tools, absent }: CompilerRecord): boolean {
  return areSame(tools) && !absent.some(place => existsSync(place));
}

function readRecord(directory: string): CompilerRecord | undefined {
  try {
    return JSON.parse(readFileSync(path.join(directory, RECORD), 'utf8')) as CompilerRecord;
  } catch {
    return undefined;
  }
}
