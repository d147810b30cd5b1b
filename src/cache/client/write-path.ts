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
import type { TimedOperation, WriteOperation, WriteResult } from '../store.ts';
import { queueMicrotask } from '../time.ts';

// Operations of one transaction. Other threads wait meanwhile.
const BATCH_SIZE = 256;

interface Pending {
  /** Undefined while it is being prepared. */
  operation: WriteOperation | undefined;
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
    case 'delete':
    case 'touch':
    case 'increment':
      return true;
    default:
      return false;
  }
}

export class WritePath {
  readonly #link: () => Promise<StoreLink>;
  readonly #clock: () => number;
  #linked: StoreLink | undefined;
  #queue: Pending[] = [];
  #isScheduled = false;
  // Operations that the coordinator has not answered.
  #withCoordinator = 0;
  #pending = 0;
  #onIdle: (() => void)[] = [];

  /** `link` is called whenever there is something to write and no link yet. */
  constructor(link: () => Promise<StoreLink>, clock: () => number) {
    this.#link = link;
    this.#clock = clock;
  }

  /**
   * Resolves when the operation is committed: to its value, or to `failed` where it could not be written. Operations are
   * applied in the order of the calls, whatever else they wait for. Rejects with what the preparation rejects with when
   * that is an error for the caller, with WrongKindError, and when no link can be made.
   */
  write<F>(operation: WriteOperation | Promise<WriteOperation>, failed: F): Promise<number | boolean | F> {
    this.#pending++;
    return new Promise<number | boolean | F>((resolve, reject) => {
      const isReady = !(operation instanceof Promise);
      const pending: Pending = {
        operation: isReady ? operation : undefined,
        now: isReady ? this.#clock() : 0,
        settle: result => {
          if ('value' in result) resolve(result.value);
          else if ('mistake' in result) reject(new WrongKindError(result.mistake));
          else resolve(failed);
          this.#done();
        },
        reject: error => {
          reject(error);
          this.#done();
        },
      };
      this.#queue.push(pending);
      if (isReady) this.#schedule();
      else void this.#prepare(pending, operation);
    });
  }

  /** Resolves when everything that was written is settled. */
  idle(): Promise<void> {
    if (this.#pending === 0) return Promise.resolve();
    return new Promise(resolve => this.#onIdle.push(resolve));
  }

  #done(): void {
    if (--this.#pending > 0) return;
    for (const resolve of this.#onIdle.splice(0)) resolve();
  }

  async #prepare(pending: Pending, operation: Promise<WriteOperation>): Promise<void> {
    try {
      pending.operation = await operation;
      pending.now = this.#clock();
    } catch (error) {
      this.#queue.splice(this.#queue.indexOf(pending), 1);
      if (error instanceof GloveboxError) pending.reject(error);
      else {
        this.#linked?.readFailed(error);
        pending.settle({ failed: String(error) });
      }
    }
    this.#schedule();
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    if (this.#linked) queueMicrotask(() => this.#flush());
    else void this.#connect();
  }

  async #connect(): Promise<void> {
    try {
      this.#linked = await this.#link();
    } catch (error) {
      this.#isScheduled = false;
      for (const { reject } of this.#queue.splice(0)) reject(error);
      return;
    }
    this.#flush();
  }

  #flush(): void {
    this.#isScheduled = false;
    const link = this.#linked!;
    while (this.#queue[0]?.operation !== undefined) {
      const isOwned = this.#withCoordinator === 0 && isOwn(this.#queue[0].operation);
      if (!isOwned) this.#send(link, this.#queue.shift()!);
      else this.#commit(link, this.#takeOwn());
    }
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
