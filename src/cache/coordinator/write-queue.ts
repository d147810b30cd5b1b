// The queue in front of a store's writer: what arrives in one turn of the event loop commits together.
import { performance, setImmediate, setTimeout } from '../../system/time.ts';
import type { WriteOperation, WriteResult } from '../operations.ts';
import { StoreBusyError } from '../storage/store.ts';

export interface PendingWrite {
  operation: WriteOperation;
  /** The caller's time. */
  now: number;
  /** When, by `performance.now()`, waiting for other processes ends. */
  deadline: number;
  /** Not to be done after its deadline, of whatever reason. */
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
  /** Commits and answers it, and then calls `over`, perhaps at once. Until then nothing else is committed. */
  commitLong(queued: PendingWrite, over: () => void): void;
  /** True while there is work left that a further commit, even an empty one, does. */
  readonly hasPendingCleanup: boolean;
}

export class WriteQueue {
  readonly #writer: Writer;
  #queue: PendingWrite[] = [];
  #isScheduled = false;
  // A long operation is being done.
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
    // The retry that is pending may be one for tidying up, which does not keep the process.
    this.#retry?.ref();
    this.#schedule();
  }

  /** Commits what is there, or tidies up. */
  wake(): void {
    if (!this.#isClosed) this.#schedule();
  }

  /** Commits what is there and takes no more. What other processes do not let through fails. */
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

  /** Commits what is at the head of the queue now. What is long is done as everything else. */
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
    // A caller waits for what is queued; for tidying up alone the process need not go on.
    if (this.#queue.length === 0) this.#retry.unref();
  }

  #commit(): 'done' | 'busy' {
    const batch = this.#failLate(this.#queue.splice(0, this.#countOfBatch()), isDue);
    try {
      this.#writer.commit(batch);
      return 'done';
    } catch (error) {
      if (!(error instanceof StoreBusyError)) {
        // Nobody else would answer, and thrown from here it would end the process.
        this.#fail(batch, String(error));
        return 'done';
      }
      this.#queue.unshift(...this.#failLate(batch, () => true));
      return 'busy';
    }
  }

  #countOfBatch(): number {
    let entries = 0;
    // At least one: what is long is done as others are when the queue is closed.
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
