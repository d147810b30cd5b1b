// Where threads that wait for their turn to write leave what they want to write, for whoever has the turn to commit
// along with its own: one transaction for all instead of one for each, and nobody else has to wake up and run for it.
//
//   of each thread one box in the store's shared memory
//   ┌───────┬───────┬───────┬───────────┬───────┬───────┬─────────┬─────────┬────────────┐
//   │ state │ owner │ taker │ committed │ count │ nudge │ attempt │ results │ operations │
//   └───────┴───────┴───────┴───────────┴───────┴───────┴─────────┴─────────┴────────────┘
//
//   free ── post ──► waiting ── take ──► taken ── settle ──► done ── collect ──► free
//                       ▲  │ withdraw                │          (or refused: the transaction failed)
//                       │  └──► free                 │
//                       └───── the taker died before its commit
import { threadId } from 'node:worker_threads';
import { lazyBuffer } from './lazy-buffer.ts';
import { LEAD_WORDS, Lead } from './lead.ts';
import { OperationMemory } from './operation-memory.ts';
import type { TimedOperation, WriteOperation, WriteResult } from './store.ts';

/** More threads than this wait for a turn of their own. One for each bit of a word. */
const BOXES = 32;
const BOX_BYTES = 128 * 1024;
const MAX_OPERATIONS = 256;
// Of others in one transaction, or a few more: the event loop of whoever commits waits meanwhile.
const ENOUGH_OPERATIONS = 192;

const State = { free: 0, waiting: 1, taken: 2, done: 3, refused: 4 } as const;

// Words before the boxes: a bit for each that may be waiting, which one comes first, and who leads.
const POSTED = 0;
const FIRST = 1;
const LEAD = 2;
const HEAD_BYTES = 64;

// Words of a box.
const STATE = 0;
const OWNER = 1;
const TAKER = 2;
const COMMITTED = 3;
const COUNT = 4;
// Counts up whenever the owner is to look: it sleeps on this word.
const NUDGE = 5;
// A double: the number of the transaction that the taker was about to commit.
const ATTEMPT = 6;
const RESULTS = 8;
const OPERATIONS = RESULTS + MAX_OPERATIONS;

/** Nobody knows whether the operation was committed: its committer died, and others have committed since. */
const UNKNOWN = -1;

const NOBODY = 0;
/** The owner of a box has ended while somebody had taken it. */
const GONE = -1;

/** What is known of the store's latest transactions, to tell whether one of them was a thread's that has died. */
export interface LatestCommits {
  /** Transactions so far. */
  commits: number;
  /** The latest one of another process than that of the latest of all. */
  run: number;
  /** Whether the latest one is this process's. */
  isOurs: boolean;
}

/** Operations of other threads, taken to be committed along. */
export interface Companions {
  readonly operations: readonly TimedOperation[];
  /** Before the commit: what became of them, and which number the transaction will have. */
  prepare(results: readonly WriteResult[], attempt: number): void;
  /** Right after the commit, while it is still this thread's turn. */
  committed(): void;
  /** Tells the threads that wait: what was prepared, or that they have to see for themselves. */
  settle(isCommitted: boolean): void;
}

const NOBODY_ELSE: Companions = {
  operations: [],
  prepare: () => undefined,
  committed: () => undefined,
  settle: () => undefined,
};

export class CommitGroup {
  readonly buffer: SharedArrayBuffer;
  readonly lead: Lead;
  readonly #words: Int32Array;
  readonly #doubles: Float64Array;
  readonly #operations: OperationMemory;
  #own: number | undefined;

  constructor(buffer = lazyBuffer(HEAD_BYTES + BOXES * BOX_BYTES)) {
    this.buffer = buffer;
    this.#words = new Int32Array(buffer);
    this.lead = new Lead(this.#words.subarray(LEAD, LEAD + LEAD_WORDS));
    this.#doubles = new Float64Array(buffer);
    this.#operations = new OperationMemory(buffer);
  }

  /** Whether somebody waits to be taken along. */
  get isWaiting(): boolean {
    return Atomics.load(this.#words, POSTED) !== 0;
  }

  /** Leaves a batch for whoever commits next. False: it cannot be left, and nothing is. */
  post(batch: readonly TimedOperation[]): boolean {
    const box = this.#claim();
    if (box === undefined || batch.length > MAX_OPERATIONS) return false;
    if (!this.#operations.write(batch, this.#first(box), 4 * word(box + 1))) return false;
    this.#words[word(box) + COUNT] = batch.length;
    Atomics.store(this.#words, word(box) + STATE, State.waiting);
    Atomics.or(this.#words, POSTED, 1 << box);
    return true;
  }

  /** What {@link sleep} is to be told: what is nudged after this was asked for ends it at once. */
  get nudges(): number {
    return Atomics.load(this.#words, word(this.#own!) + NUDGE);
  }

  /** What became of the batch that was posted. `refused`: it was not committed, and is withdrawn. */
  outcome(batch: readonly TimedOperation[]): WriteResult[] | 'waiting' | 'taken' | 'refused' {
    const box = this.#own!;
    switch (this.#state(box)) {
      case State.waiting:
        return 'waiting';
      case State.taken:
        return 'taken';
      case State.done: {
        const results = batch.map(({ operation }, index) => this.#resultOf(box, index, operation));
        this.#free(box);
        return results;
      }
      default:
        this.#free(box);
        return 'refused';
    }
  }

  /** Sleeps until there may be something new, for at most so many milliseconds. */
  sleep(nudges: number, milliseconds: number): void {
    Atomics.wait(this.#words, word(this.#own!) + NUDGE, nudges, milliseconds);
  }

  /** Takes back what was posted. False: somebody has taken it. */
  withdraw(): boolean {
    return this.#move(this.#own!, State.free);
  }

  // Out of waiting. False: somebody else was faster.
  #move(box: number, state: number): boolean {
    const at = word(box) + STATE;
    if (Atomics.compareExchange(this.#words, at, State.waiting, state) !== State.waiting) return false;
    Atomics.and(this.#words, POSTED, ~(1 << box));
    return true;
  }

  /** Takes what others have left; for the thread that has the turn, in its transaction. */
  take(): Companions {
    if (!this.isWaiting) return NOBODY_ELSE;
    const boxes: { box: number; operations: TimedOperation[] }[] = [];
    let taken = 0;
    // Not always the same ones first.
    const first = this.#words[FIRST]!;
    for (let offset = 0; offset < BOXES && taken < ENOUGH_OPERATIONS; offset++) {
      const box = (first + offset) % BOXES;
      const at = word(box);
      if (this.#state(box) !== State.waiting) continue;
      this.#words[FIRST] = box + 1;
      this.#words[at + TAKER] = threadId + 1;
      this.#words[at + COMMITTED] = 0;
      this.#doubles[(at + ATTEMPT) >> 1] = 0;
      if (!this.#move(box, State.taken)) continue;
      const operations = this.#operations.read(this.#words[at + COUNT]!, this.#first(box), 4 * word(box + 1));
      taken += operations?.length ?? 0;
      if (operations) boxes.push({ box, operations });
      else this.#settle(box, State.refused);
    }
    const settle = (isCommitted: boolean) => {
      for (const { box } of boxes) this.#settle(box, isCommitted ? State.done : State.refused);
    };
    return {
      operations: boxes.flatMap(({ operations }) => operations),
      prepare: (results, attempt) => {
        let index = 0;
        for (const { box, operations } of boxes) {
          for (let own = 0; own < operations.length; own++) {
            this.#words[word(box) + RESULTS + own] = numberOf(results[index++]);
          }
          this.#doubles[(word(box) + ATTEMPT) >> 1] = attempt;
        }
      },
      committed: () => {
        for (const { box } of boxes) Atomics.store(this.#words, word(box) + COMMITTED, 1);
      },
      settle,
    };
  }

  /** Wakes one of those who wait: it is nobody's turn now. */
  wakeOne(): void {
    if (!this.isWaiting) return;
    for (let box = 0; box < BOXES; box++) {
      if (this.#state(box) !== State.waiting) continue;
      this.#nudge(box);
      return;
    }
  }

  /**
   * A thread has ended. What it had posted is withdrawn; what it had taken goes to those who wait for it.
   *
   * @param latest when it ended in its turn, of which it may have made the most: what the database says now, before
   * anybody of this process has written again. Undefined when it did not.
   */
  endOf(thread: number, latest: (() => LatestCommits | undefined) | undefined): void {
    for (let box = 0; box < BOXES; box++) {
      const at = word(box);
      if (this.#words[at + OWNER] === thread + 1) {
        this.#move(box, State.free);
        Atomics.store(this.#words, at + OWNER, GONE);
        // Whoever has taken it frees it, unless that was just done with.
        if (this.#state(box) !== State.taken) this.#free(box, NOBODY);
      }
      if (this.#state(box) !== State.taken || this.#words[at + TAKER] !== thread + 1) continue;
      const fate = this.#words[at + COMMITTED] === 1 ? true : latest ? this.#fateOf(box, latest()) : false;
      if (fate === undefined) {
        for (let own = 0; own < MAX_OPERATIONS; own++) this.#words[at + RESULTS + own] = UNKNOWN;
      }
      this.#settle(box, fate === false ? State.waiting : State.done);
      if (fate === false) Atomics.or(this.#words, POSTED, 1 << box);
    }
  }

  /** Gives up this thread's place. */
  close(): void {
    if (this.#own !== undefined) this.#free(this.#own, NOBODY);
    this.#own = undefined;
  }

  // Whether the transaction that a dead thread was about to commit was committed; undefined when that cannot be told.
  #fateOf(box: number, latest: LatestCommits | undefined): boolean | undefined {
    const attempt = this.#doubles[(word(box) + ATTEMPT) >> 1]!;
    if (attempt === 0) return false;
    if (!latest) return undefined;
    const { commits, run, isOurs } = latest;
    if (commits < attempt) return false;
    // All after `run` are of the same process, and `run` itself is not.
    if (run < attempt) return isOurs;
    if (run === attempt && isOurs) return false;
    return undefined;
  }

  #claim(): number | undefined {
    for (let box = 0; this.#own === undefined && box < BOXES; box++) {
      const owner = Atomics.compareExchange(this.#words, word(box) + OWNER, NOBODY, threadId + 1);
      if (owner === NOBODY) this.#own = box;
    }
    return this.#own;
  }

  #state(box: number): number {
    return Atomics.load(this.#words, word(box) + STATE);
  }

  #free(box: number, owner = threadId + 1): void {
    Atomics.store(this.#words, word(box) + STATE, State.free);
    Atomics.store(this.#words, word(box) + OWNER, owner);
  }

  #settle(box: number, state: number): void {
    const at = word(box);
    if (Atomics.load(this.#words, at + OWNER) === GONE) {
      this.#free(box, NOBODY);
      return;
    }
    Atomics.store(this.#words, at + STATE, state);
    this.#nudge(box);
  }

  #nudge(box: number): void {
    const at = word(box) + NUDGE;
    Atomics.add(this.#words, at, 1);
    Atomics.notify(this.#words, at);
  }

  #first(box: number): number {
    return 4 * (word(box) + OPERATIONS);
  }

  #resultOf(box: number, index: number, { type }: WriteOperation): WriteResult {
    const result = this.#words[word(box) + RESULTS + index]!;
    if (result === UNKNOWN) return { failed: 'The thread that was writing it has ended.' };
    return { value: type === 'delete' ? result : result === 1 };
  }
}

function word(box: number): number {
  return (HEAD_BYTES + box * BOX_BYTES) >> 2;
}

function numberOf(result: WriteResult | undefined): number {
  return result && 'value' in result ? Number(result.value) : UNKNOWN;
}
