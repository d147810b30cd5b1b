// While what ccache knows of a target may be used. In its direct mode ccache takes an object from its cache when the files
// that were included last time are unchanged, without asking the preprocessor; it cannot notice a header that has come
// into being and would be found before one of those, and knows of the compiler only its outermost program.
//
//   epoch   what ccache learns in one epoch, and does not see in another: part of the key of all that it keeps
//           │ lasts while no name came or went where compilers look for headers, and the compiler's parts are the same
//           ▼
//   direct mode is sound within it
//
// To build once without direct mode, or to have ccache learn anew, would not do: it keeps what it has learned before beside
// the new, and answers with it as soon as it seems to fit again.
import { randomUUID } from 'node:crypto';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { isInside } from '../../../system/paths.ts';
import { InputReader, type ObservedInputs } from '../../incremental/index.ts';
import type { UsedTools } from '../observed/index.ts';
import { areSame, changedSince, type FileMarks, markFiles } from './file-marks.ts';

/** What an epoch depends on, as the last build left it. */
interface EpochRecord {
  epoch: string;
  /** What chooses the compiler. */
  context: string;
  /** A digest of the names in the workspace's projects. */
  workspace: string;
  /** The digest of the names of the declared inputs, where code in the config directory is compiled. */
  declared: string | undefined;
  /** Whether the user's own code takes in files that ccache does not see. */
  hasHidden: boolean;
  /** Of the compiler's parts. */
  tools: FileMarks;
  /** By directory: the digest of its names. */
  directories: Record<string, string>;
  absent: string[];
}

/** What is known of a build, when it is over, of where its compilers looked for headers. */
export interface Searched {
  observed: ObservedInputs;
  tools: UsedTools | undefined;
  /** Whether code in the config directory was compiled, or could have been included. */
  hasOwnCode: boolean;
  /** Whether it takes in files that ccache does not see. */
  hasHidden: boolean;
}

/** What can be asked of the present. */
export interface CcacheEpochOptions {
  /** Where it is remembered from one build of the target to the next. Absolute. */
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
   * Begins a build in the epoch of the last one, or in a new one when something is different or nothing is remembered.
   * Undefined when ccache cannot be used, because what is remembered cannot be written.
   */
  static async begin(options: CcacheEpochOptions): Promise<CcacheEpoch | undefined> {
    const { file, context } = options;
    const record = readEpochRecord(file);
    try {
      // A process that dies meanwhile leaves nothing that could be believed.
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

  /** Of all that ccache learns in it. */
  get id(): string {
    return this.#record.epoch;
  }

  /** Whether ccache cannot be used, because it does not see what is compiled. */
  get isBlind(): boolean {
    return this.#record.hasHidden;
  }

  /** Whether nothing is known of where compilers look. */
  get isNew(): boolean {
    return this.#isNew;
  }

  /**
   * Ends a build that did not come to its end. The epoch goes on when its compilers looked where it is known.
   *
   * @param places of code outside of the workspace, and directories of headers there. Undefined: nothing was compiled
   */
  interrupt(places: readonly string[] | undefined): void {
    const { directories, declared } = this.#record;
    const { configDirectory } = this.#options;
    const isKnown = (place: string) =>
      directories[place] !== undefined || (declared !== undefined && isInside(place, configDirectory));
    if (!this.#isNew && (places ?? []).every(isKnown)) this.#write(this.#record);
  }

  /**
   * Ends a build. The epoch ends with it when something changed while it was built.
   *
   * @param searched undefined: not known
   */
  async end(searched: Searched | undefined): Promise<void> {
    const { configDirectory } = this.#options;
    if (searched?.tools === undefined) return;
    const workspace = this.#options.workspace();
    if (!(await holds(this.#record, this.#options, workspace))) return;
    const { observed, tools, hasOwnCode, hasHidden } = searched;
    // What was hidden may come back, and be taken for what it was.
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
      // Then the next build begins another epoch.
      rmSync(this.#options.file, { force: true });
    }
  }
}

/** Whether everything is as it is remembered. */
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
