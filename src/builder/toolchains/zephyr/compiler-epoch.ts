// Time in which all targets may use one another's objects in ccache: while the parts of the compiler stay the same. ccache
// itself only knows the compiler's outermost program.
//
//   <cache root>/west/compiler-<digest of what chooses the compiler>/record.json   its parts, as the last build found them
//                                                                   /using-…      of each build that uses them
//
// An object counts by its preprocessed source, so it does not matter which target it was compiled for. For objects that are
// found without the preprocessor see `CcacheEpoch`.
import { randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { currentProcess, isDead, type ProcessIdentity } from '../../../system/process-identity.ts';
import type { UsedTools } from '../observed/index.ts';
import { areSame, changedSince, type FileMarks, markFiles } from './file-marks.ts';

interface CompilerRecord {
  id: string;
  tools: FileMarks;
  /** Where one of them would have been found first. */
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
   * Begins a build in the epoch of earlier ones, or in a new one if the compiler has changed. Undefined if nothing can be
   * written there.
   *
   * @param directory of all builds with this compiler. Absolute
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
   * Ends a build. The epoch ends with it if the compiler changed meanwhile.
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
    // Another build has begun a new one, or learned of another compiler.
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

/** Whether a process that used the epoch has died, so that ccache's entries of its build are unknown. Removes its mark. */
function hasInterrupted(directory: string): boolean {
  let found = false;
  for (const name of readdirSync(directory)) {
    if (!name.startsWith(USING)) continue;
    const file = path.join(directory, name);
    let user: ProcessIdentity | undefined;
    try {
      user = JSON.parse(readFileSync(file, 'utf8')) as ProcessIdentity;
    } catch {
      // It is being written, or was not written completely; or the build has ended.
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
