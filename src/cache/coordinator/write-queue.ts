// Write queue in front of a store's writer: all operations that arrive in one turn of the event loop commit together.
import { performance, setImmediate, setTimeout } from '../../system/time.ts';
import type { WriteOperation, WriteResult } from '../operations.ts';
import { StoreBusyError } from '../storage/store.ts';

export interface PendingWrite {
  operation: WriteOperation;
  /** The caller's time. */
  now: number;
  /** Time, by `performance.now()`, at which waiting for other processes ends. */
  deadline: number;
  /** Must not be done after its deadline, for whatever reason it is late. */
  isDue?: boolean;
  resolve: (result: WriteResult) => void;
}

// Entries that one transaction changes, or a few more: enough to share the cost of a commit, few enough to keep the
// event loop running.
const BATCH_SIZE = 128;
const BUSY_RETRY_MS = 4;

export interface Writer {
  /** Commits a batch and answers each of its operations. Throws {@link StoreBusyError} when another process is writing. */
  commit(batch: readonly PendingWrite[]): void;
  /** Whether the operation takes several turns of the event loop: then it is alone, with {@link commitLong}. */
  isLong(operation: WriteOperation): boolean;
  /**
   * Commits and answers a long operation, and then calls `over`, perhaps at once. Until then nothing else is committed.
   */
  commitLong(queued: PendingWrite, over: () => void): void;
  /** True while there is work left that a further commit, even an empty one, does. */
  readonly hasPendingCleanup: boolean;
}

export class WriteQueue {
  readonly #writer: Writer;
  #queue: PendingWrite[] = [];
  #isScheduled = false;
  // A long operation is in progress.
  #isHeld = false;
  #retry: NodeJS.Timeout | undefined;
  #isClosed = false;

  constructor(writer: Writer) {
    this.#writer = writer;
  }

  push(queued: PendingWrite): void {
    if (this.#isClosed) {
      queued.resolve({ failed: 'The store is closed.' });
      return;
    }
    this.#queue.push(queued);
    // The pending retry may be one for cleanup, which does not keep the process alive.
    this.#retry?.ref();
    this.#schedule();
  }

  /** Commits the queued operations, or cleans up. */
  wake(): void {
    if (!this.#isClosed) this.#schedule();
  }

  /** Commits the queued operations and takes no more. Those that other processes block fail. */
  close(): void {
    while (this.#queue.length > 0) {
      if (this.#commit() === 'busy')
        this.#fail(this.#queue.splice(0), 'The store was closed before its turn came.');
    }
    this.#isClosed = true;
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    // After everything that this turn of the event loop brings, from all ports: that commits together.
    setImmediate(() => {
      this.#isScheduled = false;
      if (this.#isClosed || this.#isHeld) return;
      if (this.#beginLong()) return;
      const outcome = this.#commit();
      if (this.#queue.length === 0 && !this.#writer.hasPendingCleanup) return;
      if (outcome === 'done') this.#schedule();
      else this.#scheduleRetry();
    });
  }

  #beginLong(): boolean {
    const [first] = this.#queue;
    if (!first || !this.#writer.isLong(first.operation)) return false;
    this.#queue.shift();
    this.#isHeld = true;
    this.#writer.commitLong(first, () => {
      this.#isHeld = false;
      this.#schedule();
    });
    return true;
  }

  /** Commits the operations at the head of the queue now, long ones included. */
  flush(): 'done' | 'busy' {
    if (!this.#isHeld) return this.#commit();
    this.#queue = this.#failLate(this.#queue, isDue);
    return 'busy';
  }

  #scheduleRetry(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    const pause = BUSY_RETRY_MS * (0.5 + Math.random());
    this.#retry = setTimeout(() => {
      this.#retry = undefined;
      this.#isScheduled = false;
      this.#schedule();
    }, pause);
    // A caller waits for queued operations; cleanup alone need not keep the process alive.
    if (this.#queue.length === 0) this.#retry.unref();
  }

  #commit(): 'done' | 'busy' {
    const batch = this.#failLate(this.#queue.splice(0, this.#countOfBatch()), isDue);
    try {
      this.#writer.commit(batch);
      return 'done';
    } catch (error) {
      if (!(error instanceof StoreBusyError)) {
        // No other code would answer, and an error thrown from here would end the process.
        this.#fail(batch, String(error));
        return 'done';
      }
      this.#queue.unshift(...this.#failLate(batch, () => true));
      return 'busy';
    }
  }

  #countOfBatch(): number {
    let entries = 0;
    // At least one: a closing queue commits long operations as others.
    const end = this.#queue.findIndex(({ operation }, index) => {
      if (entries >= BATCH_SIZE || (index > 0 && this.#writer.isLong(operation))) return true;
      entries += sizeOf(operation);
      return false;
    });
    return end < 0 ? this.#queue.length : end;
  }

  // Returns the others.
  #failLate(queued: PendingWrite[], mayBeLate: (queued: PendingWrite) => boolean): PendingWrite[] {
    const now = performance.now();
    const late = new Set(queued.filter(one => one.deadline <= now && mayBeLate(one)));
    if (late.size === 0) return queued;
    this.#fail([...late], 'The store was in use for longer than the timeout.');
    return queued.filter(one => !late.has(one));
  }

  #fail(queued: readonly PendingWrite[], failed: string): void {
    for (const { resolve } of queued) resolve({ failed });
  }
}

function isDue({ isDue }: PendingWrite): boolean {
  return isDue === true;
}

function sizeOf(operation: WriteOperation): number {
  if (operation.type === 'access' || operation.type === 'set-many') return operation.entries.length;
  return operation.type === 'delete' ? operation.keys.length : 1;
}
