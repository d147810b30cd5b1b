// Capability cache: Zephyr's findings about the compiler, such as the options that it knows. Kept for the next build of a
// target, as long as the compiler's parts are the same.
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { areSame, changedSince, type FileMarks, markFiles } from './file-marks.ts';

const RECORD = 'glovebox-tools.json';

export class CapabilityCache {
  readonly #file: string;
  readonly #started = Date.now();
  /** The parts of the compiler that the findings are about. */
  readonly #before: FileMarks | undefined;

  private constructor(file: string, before: FileMarks | undefined) {
    this.#file = file;
    this.#before = before;
  }

  /**
   * Begins a build, and discards findings about another compiler. Undefined if that fails: then the directory must not be
   * used.
   *
   * @param directory of the findings
   */
  static begin(directory: string): CapabilityCache | undefined {
    const file = path.join(directory, RECORD);
    const read = readMarks(file);
    const before = read !== undefined && areSame(read) ? read : undefined;
    try {
      if (before === undefined) rmSync(directory, { recursive: true, force: true });
      mkdirSync(directory, { recursive: true, mode: 0o700 });
      // If the process dies now, the next build finds nothing that it could use by mistake.
      rmSync(file, { force: true });
      return new CapabilityCache(file, before);
    } catch {
      return undefined;
    }
  }

  /**
   * Ends a build.
   *
   * @param tools the compiler's parts. Undefined: unknown, so the former ones still count
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
      // Then the next build examines the compiler again.
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
