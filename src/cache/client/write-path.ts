// The order in which a thread's operations are written, in which batch, and by whom.
//
//   write ──► queue ──► microtask: all that is ready, in order
//                          │
//            this thread   ▼                  the coordinator
//       ┌──────────────────────────────┐      ┌────────────────────────────────────┐
//       │ commit: one plain operation, │      │ send: leases and upkeep, what this │
//       │ or all of them together in   │─────►│ thread could not commit, and what  │
//       │ one transaction              │      │ comes while it has not answered    │
//       └──────────────────────────────┘      └────────────────────────────────────┘
//
// An operation whose value is still being prepared (a large one becomes a file) holds up those after it. So does one that
// the coordinator has not answered: what comes after it goes the same way, and cannot overtake it.
import { GloveboxError, WrongKindError } from '../errors.ts';
import type { StoreLink } from '../link.ts';
import { Pace } from '../pace.ts';
import { LONG_SET, type TimedOperation, type WriteOperation, type WriteResult } from '../store.ts';
import { queueMicrotask } from '../time.ts';

// Operations of one transaction. Other threads wait meanwhile.
const BATCH_SIZE = 256;

interface Pending {
  /** Undefined while it is being prepared, and of a series. */
  operation: WriteOperation | undefined;
  /** Operations that are written one after the other, with turns of the event loop in between. */
  series?: Iterator<WriteOperation> | undefined;
  now: number;
  settle(result: WriteResult): void;
  reject(error: unknown): void;
}

/** Whether a thread can commit the operation by itself: the coordinator need not be told of it. */
export function isOwn(operation: WriteOperation): boolean {
  switch (operation.type) {
    case 'set':
      return operation.lease === undefined;
    case 'set-many':
      return operation.entries.length <= LONG_SET;
    case 'delete':
    case 'touch':
    case 'increment':
      return true;
    default:
      return false;
  }
}

export class WritePath {
  readonly #link: () => StoreLink | undefined;
  readonly #connect: () => Promise<StoreLink>;
  readonly #clock: () => number;
  #queue: Pending[] = [];
  #isScheduled = false;
  // Operations that the coordinator has not answered.
  #withCoordinator = 0;

  /** `connect` is called whenever there is something to write and no `link` yet. */
  constructor(link: () => StoreLink | undefined, connect: () => Promise<StoreLink>, clock: () => number) {
    this.#link = link;
    this.#connect = connect;
    this.#clock = clock;
  }

  /**
   * Resolves when the operation is committed: to its value, or to `failed` where it could not be written. Operations are
   * applied in the order of the calls, whatever else they wait for. Rejects with what the preparation rejects with when
   * that is an error for the caller, with WrongKindError, and when no link can be made.
   */
  write<F>(operation: WriteOperation | Promise<WriteOperation>, failed: F): Promise<number | boolean | F> {
    return new Promise<number | boolean | F>((resolve, reject) => {
      const isReady = !(operation instanceof Promise);
      const pending: Pending = {
        operation: isReady ? operation : undefined,
        now: isReady ? this.#clock() : 0,
        settle: result => {
          if ('value' in result) resolve(result.value);
          else if ('mistake' in result) reject(new WrongKindError(result.mistake));
          else resolve(failed);
        },
        reject,
      };
      this.#queue.push(pending);
      if (isReady) this.#schedule();
      else void this.#prepare(pending, operation);
    });
  }

  /** Writes one after the other, before whatever is written next. Resolves to the sum of their values. */
  writeAll(operations: Iterable<WriteOperation>): Promise<number> {
    return new Promise((resolve, reject) => {
      const settle = (result: WriteResult) => resolve('value' in result ? Number(result.value) : 0);
      const series = operations[Symbol.iterator]();
      this.#queue.push({ operation: undefined, series, now: this.#clock(), settle, reject });
      this.#schedule();
    });
  }

  async #prepare(pending: Pending, operation: Promise<WriteOperation>): Promise<void> {
    try {
      pending.operation = await operation;
      pending.now = this.#clock();
    } catch (error) {
      this.#queue.splice(this.#queue.indexOf(pending), 1);
      if (error instanceof GloveboxError) pending.reject(error);
      else {
        this.#link()?.readFailed(error);
        pending.settle({ failed: String(error) });
      }
    }
    this.#schedule();
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    if (this.#link()) queueMicrotask(() => this.#flush());
    else void this.#open();
  }

  async #open(): Promise<void> {
    try {
      await this.#connect();
    } catch (error) {
      this.#isScheduled = false;
      for (const { reject } of this.#queue.splice(0)) reject(error);
      return;
    }
    this.#flush();
  }

  #flush(): void {
    this.#isScheduled = false;
    const link = this.#link()!;
    while (this.#queue[0]?.operation !== undefined) {
      const isOwned = this.#withCoordinator === 0 && isOwn(this.#queue[0].operation);
      if (!isOwned) this.#send(link, this.#queue.shift()!);
      else this.#commit(link, this.#takeOwn());
    }
    const [first] = this.#queue;
    if (first?.series) void this.#writeSeries(link, first, first.series);
  }

  // It stays at the head of the queue meanwhile.
  async #writeSeries(link: StoreLink, pending: Pending, series: Iterator<WriteOperation>): Promise<void> {
    pending.series = undefined;
    const { now } = pending;
    const pace = new Pace();
    let sum = 0;
    for (let next = series.next(); !next.done; next = series.next()) {
      const operation = next.value;
      const result = await new Promise<WriteResult>((settle, reject) => {
        const one = { operation, now, settle, reject };
        if (this.#withCoordinator > 0) this.#send(link, one);
        else this.#commit(link, [one]);
      });
      if ('value' in result) sum += Number(result.value);
      await pace.step();
    }
    this.#queue.shift();
    pending.settle({ value: sum });
    this.#flush();
  }

  // Those at the head of the queue that this thread can commit.
  #takeOwn(): Pending[] {
    const end = this.#queue.findIndex(({ operation }) => operation === undefined || !isOwn(operation));
    return this.#queue.splice(0, Math.min(end < 0 ? this.#queue.length : end, BATCH_SIZE));
  }

  #commit(link: StoreLink, batch: Pending[]): void {
    const results = link.commit(batch as TimedOperation[]);
    for (const [index, pending] of batch.entries()) {
      if (results) pending.settle(results[index]!);
      else this.#send(link, pending);
    }
  }

  #send(link: StoreLink, { operation, now, settle }: Pending): void {
    this.#withCoordinator++;
    void link.send(operation!, now).then(result => {
      this.#withCoordinator--;
      settle(result);
    });
  }
}
