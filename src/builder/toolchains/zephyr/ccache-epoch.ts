// ccache epoch: the time in which ccache's entries for a target may be used. In direct mode, ccache returns an object if
// the files that were included last time are unchanged, without running the preprocessor. It cannot notice a new header
// that would be found before one of those, and identifies the compiler only by its outermost program.
//
//   epoch   part of the key of every entry: ccache does not see entries of another epoch
//           │ lasts while no name appears or disappears where compilers look for headers, and the compiler's parts are the
//           ▼ same
//   direct mode is sound within it
//
// Building once without direct mode, or recaching, is not enough: ccache keeps its former entries beside the new ones, and
// returns them as soon as they seem to fit again.
import { randomUUID } from 'node:crypto';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { isInside } from '../../../system/paths.ts';
import { InputReader } from '../../inputs/input-reader.ts';
import type { UsedTools } from '../observed/index.ts';
import type { ObservedInputs } from '../toolchain.ts';
import { areSame, changedSince, type FileMarks, markFiles } from './file-marks.ts';

/** State of an epoch after the last build. */
interface EpochRecord {
  epoch: string;
  /** The settings that choose the compiler. */
  context: string;
  /** A digest of the names in the workspace's projects. */
  workspace: string;
  /** The digest of the names of the declared inputs, if code in the config directory is compiled. */
  declared: string | undefined;
  /** Whether the user's own code includes files that ccache does not see. */
  hasHidden: boolean;
  /** Marks of the compiler's parts. */
  tools: FileMarks;
  /** The digest of the names in each directory. */
  directories: Record<string, string>;
  absent: string[];
}

/** Where the compilers of a finished build looked for headers. */
export interface Searched {
  observed: ObservedInputs;
  tools: UsedTools | undefined;
  /** Whether code in the config directory was compiled, or may have been included. */
  hasOwnCode: boolean;
  /** Whether that code includes files that ccache does not see. */
  hasHidden: boolean;
}

/** The present state, asked for when needed. */
export interface CcacheEpochOptions {
  /** The file that keeps the epoch between builds of the target. Absolute. */
  file: string;
  configDirectory: string;
  context: string;
  /** A digest of the names in the workspace's projects. */
  workspace: () => string;
  /** A digest of the names of the declared inputs. */
  declared: () => Promise<string>;
}

export class CcacheEpoch {
  readonly #options: CcacheEpochOptions;
  readonly #record: EpochRecord;
  readonly #isNew: boolean;
  readonly #started = Date.now();

  private constructor(options: CcacheEpochOptions, record: EpochRecord, isNew: boolean) {
    this.#options = options;
    this.#record = record;
    this.#isNew = isNew;
  }

  /**
   * Begins a build in the epoch of the last one, or in a new one if something has changed or nothing is known. Undefined
   * if ccache cannot be used, because the file cannot be written.
   */
  static async begin(options: CcacheEpochOptions): Promise<CcacheEpoch | undefined> {
    const { file, context } = options;
    const record = readEpochRecord(file);
    try {
      // If the process dies now, the next build begins another epoch.
      rmSync(file, { force: true });
    } catch {
      return undefined;
    }
    const workspace = options.workspace();
    if (record && (await holds(record, options, workspace))) return new CcacheEpoch(options, record, false);
    const begun: EpochRecord = {
      ...{ epoch: randomUUID(), context, workspace },
      ...{ declared: undefined, hasHidden: false, tools: {}, directories: {}, absent: [] },
    };
    return new CcacheEpoch(options, begun, true);
  }

  /** The name of the epoch, part of the key of ccache's entries. */
  get id(): string {
    return this.#record.epoch;
  }

  /** Whether ccache cannot be used, because it does not see all that is compiled. */
  get isBlind(): boolean {
    return this.#record.hasHidden;
  }

  /** Whether it is unknown where the compilers look. */
  get isNew(): boolean {
    return this.#isNew;
  }

  /**
   * Ends a build that was interrupted or failed. The epoch continues if its compilers looked only in known places.
   *
   * @param places code outside the workspace, and directories of headers there. Undefined: nothing was compiled
   */
  interrupt(places: readonly string[] | undefined): void {
    const { directories, declared } = this.#record;
    const { configDirectory } = this.#options;
    const isKnown = (place: string) =>
      directories[place] !== undefined || (declared !== undefined && isInside(place, configDirectory));
    if (!this.#isNew && (places ?? []).every(isKnown)) this.#write(this.#record);
  }

  /**
   * Ends a build. If something changed during the build, the epoch ends with it.
   *
   * @param searched undefined: unknown
   */
  async end(searched: Searched | undefined): Promise<void> {
    const { configDirectory } = this.#options;
    if (searched?.tools === undefined) return;
    const workspace = this.#options.workspace();
    if (!(await holds(this.#record, this.#options, workspace))) return;
    const { observed, tools, hasOwnCode, hasHidden } = searched;
    // A hidden file may reappear, and be mistaken for the former one.
    if (this.#record.hasHidden && !hasHidden) return;
    const counts = (file: string) => hasOwnCode || !isInside(file, configDirectory);
    const next: EpochRecord = {
      ...{ ...this.#record, hasHidden },
      declared: hasOwnCode ? await this.#options.declared() : undefined,
      ...{ tools: {}, directories: {}, absent: observed.absent.filter(counts) },
    };
    next.tools = markFiles(tools.files, this.#record.tools);
    const added = tools.files.filter(file => this.#record.tools[file] === undefined);
    if (added.some(file => changedSince(file, this.#started))) return;
    const reader = new InputReader();
    for (const directory of observed.directories.filter(counts)) {
      if (this.#record.directories[directory] === undefined && changedSince(directory, this.#started)) return;
      next.directories[directory] = (await reader.listing(directory)) ?? '';
    }
    const known = new Set(this.#record.absent);
    for (const file of next.absent)
      if (!known.has(file) && changedSince(path.dirname(file), this.#started)) return;
    this.#write(next);
  }

  #write(record: EpochRecord): void {
    try {
      writeFileSync(this.#options.file, JSON.stringify(record), { mode: 0o600 });
    } catch {
      // The next build begins another epoch.
      rmSync(this.#options.file, { force: true });
    }
  }
}

/** Whether the present state is the one on record. */
async function holds(record: EpochRecord, options: CcacheEpochOptions, workspace: string): Promise<boolean> {
  if (record.context !== options.context || record.workspace !== workspace) return false;
  if (record.declared !== undefined && record.declared !== (await options.declared())) return false;
  if (!areSame(record.tools)) return false;
  const reader = new InputReader();
  for (const [directory, digest] of Object.entries(record.directories)) {
    if (((await reader.listing(directory)) ?? '') !== digest) return false;
  }
  for (const file of record.absent) if (!(await reader.isAbsent(file))) return false;
  return true;
}

function readEpochRecord(file: string): EpochRecord | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as EpochRecord;
  } catch {
    return undefined;
  }
}
