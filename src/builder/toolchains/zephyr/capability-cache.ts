// What Zephyr found out about the compiler, such as which options it knows: kept for the next build of a target, and only
// as long as the compiler's parts are those that were asked.
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { areSame, changedSince, type FileMarks, markFiles } from './file-marks.ts';

const RECORD = 'glovebox-tools.json';

export class CapabilityCache {
  readonly #file: string;
  readonly #started = Date.now();
  /** The parts that were asked. */
  readonly #before: FileMarks | undefined;

  private constructor(file: string, before: FileMarks | undefined) {
    this.#file = file;
    this.#before = before;
  }

  /**
   * Begins a build: what is known of another compiler is thrown away. Undefined when that cannot be done, and nothing in
   * there may be believed.
   *
   * @param directory where it is kept
   */
  static begin(directory: string): CapabilityCache | undefined {
    const file = path.join(directory, RECORD);
    const read = readMarks(file);
    const before = read !== undefined && areSame(read) ? read : undefined;
    try {
      if (before === undefined) rmSync(directory, { recursive: true, force: true });
      mkdirSync(directory, { recursive: true, mode: 0o700 });
      // A process that dies meanwhile leaves nothing that could be believed.
      rmSync(file, { force: true });
      return new CapabilityCache(file, before);
    } catch {
      return undefined;
    }
  }

  /**
   * Ends a build.
   *
   * @param tools the compiler's parts. Undefined: not known, so those that were known before
   */
  end(tools: readonly string[] | undefined): void {
    const before = this.#before ?? {};
    if (!areSame(before)) return;
    const marks = tools === undefined ? this.#before : markFiles(tools, before);
    if (marks === undefined) return;
    const added = Object.keys(marks).filter(file => before[file] === undefined);
    if (added.some(file => changedSince(file, this.#started))) return;
    try {
      writeFileSync(this.#file, JSON.stringify(marks), { mode: 0o600 });
    } catch {
      // Then the next build asks anew.
      rmSync(this.#file, { force: true });
    }
  }
}

function readMarks(file: string): FileMarks | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as FileMarks;
  } catch {
    return undefined;
  }
}
