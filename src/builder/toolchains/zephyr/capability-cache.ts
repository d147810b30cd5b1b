// Capability cache: Zephyr's findings about the compiler, such as the options that it knows. Kept for the next build of a
// target, as long as the compiler's parts are the same, and shared with targets that differ only in their shield:
//
//   <target>/facts-…/        Zephyr's own directory, which one build uses at a time; with the parts in `glovebox-tools.json`
//        │ after CMake             ▲ when a build finds nothing in its own
//        ▼ has configured          │
//   facts-….json             the same findings in one file, which is replaced as a whole
//
// The first of several targets that begin together examines the compiler; the others wait for its findings, because they
// would wait for its objects anyway.
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type HeldLock, tryLock } from '../../../cache/coordinator/locks.ts';
import { processFilePrefix } from '../../../system/process-identity.ts';
import { areSame, changedSince, type FileMarks, markFiles } from './file-marks.ts';

const RECORD = 'glovebox-tools.json';

/** Zephyr's record of its examinations, and its unfinished files. */
const UNSHARED = /^(?:glovebox-tools\.json|(?:.*\/)?log\.txt|.*_tmp_.*)$/;

/** A build waits no longer for the findings of another one. */
const LONGEST_WAIT_MS = 60_000;
const POLL_MS = 50;

/** The place of shared findings. Absolute. */
export interface SharedPlace {
  file: string;
  /** A directory of locks. */
  locks: string;
}

interface SharedFindings {
  tools: FileMarks;
  /** The content of each file, by its name relative to the directory. */
  findings: Record<string, string>;
}

export interface CapabilityOptions {
  /** The place of the findings of other targets. Undefined: none are shared. */
  shared?: SharedPlace | undefined;
  /** Ends the wait for another build. */
  signal?: AbortSignal;
}

export class CapabilityCache {
  readonly #directory: string;
  readonly #shared: SharedPlace | undefined;
  readonly #started = Date.now();
  /** The parts of the compiler that the findings are about. */
  readonly #before: FileMarks | undefined;
  /** The right to examine the compiler for other builds that wait. */
  #turn: HeldLock | undefined;

  private constructor(directory: string, before: FileMarks | undefined, shared: SharedPlace | undefined) {
    this.#directory = directory;
    this.#before = before;
    this.#shared = shared;
  }

  /**
   * Begins a build, and discards findings about another compiler. Without findings, those of other targets are taken, for
   * which it may wait. Resolves to undefined if that fails: then the directory must not be used.
   *
   * @param directory of the findings
   */
  static async begin(
    directory: string,
    { shared, signal }: CapabilityOptions = {},
  ): Promise<CapabilityCache | undefined> {
    let turn: HeldLock | undefined;
    try {
      const begun = CapabilityCache.#open(directory, shared);
      if (shared === undefined || begun.#before !== undefined) return begun;
      turn = await takeTurn(shared, signal);
      // Another build may have ended its examination meanwhile.
      const cache = CapabilityCache.#open(directory, shared);
      cache.#turn = turn;
      if (cache.#before !== undefined) await cache.leave();
      return cache;
    } catch {
      await turn?.release().catch(() => {});
      return undefined;
    }
  }

  static #open(directory: string, shared: SharedPlace | undefined): CapabilityCache {
    const file = path.join(directory, RECORD);
    const read = readJson<FileMarks>(file);
    const own = read !== undefined && areSame(read) ? read : undefined;
    if (own === undefined) rmSync(directory, { recursive: true, force: true });
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    // If the process dies now, the next build finds nothing that it could use by mistake.
    rmSync(file, { force: true });
    if (own !== undefined || shared === undefined) return new CapabilityCache(directory, own, shared);
    const taken = readJson<SharedFindings>(shared.file);
    if (taken === undefined || !areSame(taken.tools))
      return new CapabilityCache(directory, undefined, shared);
    for (const [name, content] of Object.entries(taken.findings)) {
      const finding = path.join(directory, name);
      mkdirSync(path.dirname(finding), { recursive: true, mode: 0o700 });
      writeFileSync(finding, content);
    }
    return new CapabilityCache(directory, taken.tools, shared);
  }

  /**
   * CMake has configured the build, so its findings are complete: they go to other targets.
   *
   * @param tools asked for the compiler's parts if there is something new. Undefined: unknown
   */
  async share(tools: () => Promise<readonly string[] | undefined>): Promise<void> {
    try {
      const { file } = this.#shared ?? {};
      if (file === undefined) return;
      const findings = findingsIn(this.#directory);
      const former = readJson<SharedFindings>(file);
      const names = Object.keys(findings);
      const isKnown = former !== undefined && names.every(name => former.findings[name] === findings[name]);
      if (names.length === 0 || (isKnown && areSame(former.tools))) return;
      const marks = this.#marksOf(await tools());
      if (marks === undefined) return;
      const part = path.join(path.dirname(file), `${processFilePrefix()}-${path.basename(file)}.part`);
      writeFileSync(part, JSON.stringify({ tools: marks, findings } satisfies SharedFindings), {
        mode: 0o600,
      });
      renameSync(part, file);
    } catch {
      // Then other targets examine the compiler themselves.
    } finally {
      await this.leave();
    }
  }

  /** Lets another build examine the compiler. */
  async leave(): Promise<void> {
    const turn = this.#turn;
    this.#turn = undefined;
    await turn?.release().catch(() => {});
  }

  /**
   * Ends a build.
   *
   * @param tools the compiler's parts. Undefined: unknown, so the former ones still count
   */
  end(tools: readonly string[] | undefined): void {
    const marks = tools === undefined && areSame(this.#before ?? {}) ? this.#before : this.#marksOf(tools);
    if (marks === undefined) return;
    const file = path.join(this.#directory, RECORD);
    try {
      writeFileSync(file, JSON.stringify(marks), { mode: 0o600 });
    } catch {
      // Then the next build examines the compiler again.
      rmSync(file, { force: true });
    }
  }

  /** The marks of the parts, if none of them can have changed during the build. */
  #marksOf(tools: readonly string[] | undefined): FileMarks | undefined {
    const before = this.#before ?? {};
    if (tools === undefined || !areSame(before)) return undefined;
    const marks = markFiles(tools, before);
    const added = Object.keys(marks).filter(file => before[file] === undefined);
    return added.some(file => changedSince(file, this.#started)) ? undefined : marks;
  }
}

/** Resolves to the right to examine the compiler; to undefined if it cannot be had, or took too long. */
async function takeTurn(
  { file, locks }: SharedPlace,
  signal: AbortSignal | undefined,
): Promise<HeldLock | undefined> {
  const end = performance.now() + LONGEST_WAIT_MS;
  while (signal?.aborted !== true && performance.now() < end) {
    const turn = await tryLock(locks, path.basename(file));
    if (turn !== 'taken') return turn;
    await sleep(POLL_MS);
  }
  return undefined;
}

function findingsIn(directory: string): Record<string, string> {
  const names = readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter(entry => entry.isFile())
    .map(entry => path.relative(directory, path.join(entry.parentPath, entry.name)))
    .filter(name => !UNSHARED.test(name));
  return Object.fromEntries(names.map(name => [name, readFileSync(path.join(directory, name), 'utf8')]));
}

function readJson<T>(file: string): T | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as T;
  } catch {
    return undefined;
  }
}
