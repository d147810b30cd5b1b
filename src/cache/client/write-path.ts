// Write path of a thread: in which order, in which batch, and by which thread its operations are written.
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
// An operation whose value is still being prepared (a large one becomes a file) holds up those after it. So does one
// that the coordinator has not answered: later operations go the same way, and cannot overtake it. Before a write that
// cannot wait (writeNow) the queue is emptied: everything in it is prepared, and written or sent, at once.
import { GloveboxError, WrongKindError } from '../../errors.ts';
import { queueMicrotask } from '../../system/time.ts';
import { TimeSlice } from '../../system/time-slice.ts';
import { LONG_SET, type TimedOperation, type WriteOperation, type WriteResult } from '../operations.ts';
import { Preparation } from './preparation.ts';
import type { StoreClient } from './store-client.ts';
import type { UseCount } from './use-count.ts';

// Operations of one transaction. Other threads wait meanwhile.
const BATCH_SIZE = 256;

interface QueuedWrite {
  /** Undefined while it is being prepared, and of a series. */
  operation: WriteOperation | undefined;
  preparation?: Preparation | undefined;
  /** Operations that are written one after the other, with turns of the event loop in between. */
  series?: Series | undefined;
  now: number;
  settle(result: WriteResult): void;
  reject(error: unknown): void;
}

interface Series {
  left: Iterator<WriteOperation>;
  results: Promise<WriteResult>[];
  hasBegun: boolean;
}

/** Whether a thread can commit the operation by itself, without the coordinator. */
export function isCommittableHere(operation: WriteOperation): boolean {
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

export interface WritePathHooks {
  client(): StoreClient | undefined;
  /** Called whenever there is something to write and no client yet. */
  connect(): Promise<StoreClient>;
  /** Called with values that were not stored, though nothing failed. */
  refused(operation: WriteOperation): void;
  /** Called with a value that this thread has stored, and the version that its key had then. */
  stored(operation: WriteOperation & { type: 'set' }, version: number): void;
}

// An operation whose caller awaits it.
class Call<F> implements QueuedWrite {
  operation: WriteOperation | undefined;
  readonly preparation: Preparation | undefined;
  readonly series: undefined;
  now: number;
  readonly #failed: F;
  readonly #resolve: (value: number | boolean | F) => void;
  readonly #reject: (error: unknown) => void;
  readonly #path: WritePath;

  constructor(
    work: WriteOperation | Preparation,
    now: number,
    failed: F,
    resolve: (value: number | boolean | F) => void,
    reject: (error: unknown) => void,
    path: WritePath,
  ) {
    const isPrepared = !(work instanceof Preparation);
    this.operation = isPrepared ? work : undefined;
    this.preparation = isPrepared ? undefined : work;
    this.series = undefined;
    this.now = now;
    this.#failed = failed;
    this.#resolve = resolve;
    this.#reject = reject;
    this.#path = path;
  }

  settle(result: WriteResult): void {
    this.#path.over(this.operation!, result);
    if ('value' in result) this.#resolve(result.value);
    else if ('mistake' in result) this.#reject(new WrongKindError(result.mistake));
    else this.#resolve(this.#failed);
  }

  reject(error: unknown): void {
    this.#path.over(undefined, undefined);
    this.#reject(error);
  }
}

export class WritePath {
  readonly #hooks: WritePathHooks;
  readonly #use: UseCount;
  readonly #clock: () => number;
  #queue: QueuedWrite[] = [];
  #isScheduled = false;
  // Operations that the coordinator has not answered.
  #withCoordinator = 0;
  readonly #flushNow = () => this.#flush();

  /** `use` counts the operations that are awaited. */
  constructor(hooks: WritePathHooks, use: UseCount, clock: () => number) {
    this.#hooks = hooks;
    this.#use = use;
    this.#clock = clock;
  }

  get #client(): StoreClient | undefined {
    return this.#hooks.client();
  }

  /**
   * Resolves when the operation is committed: to its value, or to `failed` where it could not be written. Operations are
   * applied in the order of the calls, whatever else they wait for. Rejects with what the preparation rejects with when
   * that is an error for the caller, with WrongKindError, and when no client can be made.
   */
  write<F>(work: WriteOperation | Preparation, failed: F): Promise<number | boolean | F> {
    return new Promise<number | boolean | F>((resolve, reject) => {
      const call = new Call(work, this.#clock(), failed, resolve, reject, this);
      this.#use.begin();
      this.#queue.push(call);
      if (call.preparation) void this.#prepare(call, call.preparation);
      else this.#schedule();
    });
  }

  /** A call of {@client write} has its result. */
  over(operation: WriteOperation | undefined, result: WriteResult | undefined): void {
    if (operation && result) this.#tell(operation, result);
    this.#use.end();
  }

  #tell(operation: WriteOperation, result: WriteResult): void {
    if (!('value' in result)) return;
    if (operation.type !== 'set' && operation.type !== 'set-many') return;
    if (result.value === false) this.#hooks.refused(operation);
    else if (result.version !== undefined && operation.type === 'set') {
      this.#hooks.stored(operation, result.version);
    }
  }

  /**
   * As {@link write}, with this thread blocked until it is done: for at most so many milliseconds where that takes
   * another thread. Earlier calls are written first. There has to be a client.
   */
  writeNow<F>(work: WriteOperation | Preparation, failed: F, timeoutMs: number): number | boolean | F {
    const client = this.#client!;
    this.#finish(client);
    const result = this.#resultNow(client, work, timeoutMs);
    if ('mistake' in result) throw new WrongKindError(result.mistake);
    return 'value' in result ? result.value : failed;
  }

  #resultNow(client: StoreClient, work: WriteOperation | Preparation, timeoutMs: number): WriteResult {
    try {
      const operation = work instanceof Preparation ? work.runNow(client) : work;
      const now = this.#clock();
      const isCommittable = this.#withCoordinator === 0 && isCommittableHere(operation);
      const results = isCommittable ? client.direct.commit([{ operation, now }]) : undefined;
      const result = results ? results[0]! : client.sendNow(operation, now, timeoutMs);
      this.#tell(operation, result);
      return result;
    } catch (error) {
      if (error instanceof GloveboxError) throw error;
      client.readFailed(error);
      return { failed: String(error) };
    }
  }

  // Writes or sends everything in the queue.
  #finish(client: StoreClient): void {
    while (this.#queue.length > 0) {
      const first = this.#queue[0]!;
      // The iterable of a setMany can write too: such a write cannot come after that setMany.
      if (first.preparation?.isTaking) return;
      if (first.series) {
        this.#queue.shift();
        const { left } = first.series;
        for (let next = left.next(); !next.done; next = left.next())
          this.#writeOne(client, first, next.value);
        if (!first.series.hasBegun) void this.#settleSeries(first, first.series);
      } else if (first.operation || this.#prepareNow(client, first)) {
        this.#flushReady(client);
      }
    }
  }

  /** Writes the operations one after the other, before any later write. Resolves to the sum of their values. */
  writeAll(operations: Iterable<WriteOperation>): Promise<number> {
    return new Promise((resolve, reject) => {
      const settle = (result: WriteResult) => resolve('value' in result ? Number(result.value) : 0);
      const series: Series = { left: operations[Symbol.iterator](), results: [], hasBegun: false };
      this.#queue.push({ operation: undefined, series, now: this.#clock(), settle, reject });
      this.#schedule();
    });
  }

  async #prepare(pending: QueuedWrite, preparation: Preparation): Promise<void> {
    try {
      const slice = new TimeSlice();
      const operation = await preparation.run(this.#cliented(), () => slice.yieldIfOver());
      // A write that could not wait has prepared it already.
      if (!operation) return;
      this.#prepared(pending, operation);
    } catch (error) {
      if (!pending.operation) this.#refuse(pending, error);
    }
    this.#schedule();
  }

  // False when there is nothing to write.
  #prepareNow(client: StoreClient, pending: QueuedWrite): boolean {
    try {
      this.#prepared(pending, pending.preparation!.runNow(client));
      return true;
    } catch (error) {
      this.#refuse(pending, error);
      return false;
    }
  }

  #prepared(pending: QueuedWrite, operation: WriteOperation): void {
    pending.operation = operation;
    pending.now = this.#clock();
  }

  #refuse(pending: QueuedWrite, error: unknown): void {
    const index = this.#queue.indexOf(pending);
    if (index < 0) return;
    this.#queue.splice(index, 1);
    if (error instanceof GloveboxError) pending.reject(error);
    else {
      this.#client?.readFailed(error);
      pending.settle({ failed: String(error) });
    }
  }

  async #cliented(): Promise<StoreClient> {
    return this.#client ?? this.#hooks.connect();
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    if (this.#client) queueMicrotask(this.#flushNow);
    else void this.#open();
  }

  async #open(): Promise<void> {
    try {
      await this.#hooks.connect();
    } catch (error) {
      this.#isScheduled = false;
      for (const pending of this.#queue.splice(0)) pending.reject(error);
      return;
    }
    this.#flush();
  }

  #flush(): void {
    this.#isScheduled = false;
    const client = this.#client!;
    this.#flushReady(client);
    const [first] = this.#queue;
    if (first?.series && !first.series.hasBegun) void this.#writeSeries(client, first, first.series);
  }

  // The ready operations at the head of the queue.
  #flushReady(client: StoreClient): void {
    while (this.#queue[0]?.operation !== undefined) {
      const isCommittable = this.#withCoordinator === 0 && isCommittableHere(this.#queue[0].operation);
      if (!isCommittable) this.#send(client, this.#queue.shift()!);
      else this.#commit(client, this.#takeCommittable());
    }
  }

  // The series stays at the head of the queue meanwhile.
  async #writeSeries(client: StoreClient, pending: QueuedWrite, series: Series): Promise<void> {
    series.hasBegun = true;
    const slice = new TimeSlice();
    for (let next = series.left.next(); !next.done; next = series.left.next()) {
      await this.#writeOne(client, pending, next.value);
      await slice.yieldIfOver();
    }
    if (this.#queue[0] === pending) this.#queue.shift();
    await this.#settleSeries(pending, series);
    this.#flush();
  }

  #writeOne(
    client: StoreClient,
    { now, series, reject }: QueuedWrite,
    operation: WriteOperation,
  ): Promise<WriteResult> {
    const result = new Promise<WriteResult>(settle => {
      const one = { operation, now, settle, reject };
      if (this.#withCoordinator > 0) this.#send(client, one);
      else this.#commit(client, [one]);
    });
    series!.results.push(result);
    return result;
  }

  async #settleSeries({ settle }: QueuedWrite, { results }: Series): Promise<void> {
    let sum = 0;
    for (const result of await Promise.all(results)) if ('value' in result) sum += Number(result.value);
    settle({ value: sum });
  }

  // The operations at the head of the queue that this thread can commit.
  #takeCommittable(): QueuedWrite[] {
    const queue = this.#queue;
    let count = 1;
    const most = Math.min(queue.length, BATCH_SIZE);
    for (; count < most; count++) {
      const { operation } = queue[count]!;
      if (operation === undefined || !isCommittableHere(operation)) break;
    }
    if (count < queue.length) return queue.splice(0, count);
    this.#queue = [];
    return queue;
  }

  #commit(client: StoreClient, batch: QueuedWrite[]): void {
    const results = client.direct.commit(batch as TimedOperation[]);
    for (let index = 0; index < batch.length; index++) {
      if (results) batch[index]!.settle(results[index]!);
      else this.#send(client, batch[index]!);
    }
  }

  #send(client: StoreClient, pending: QueuedWrite): void {
    this.#withCoordinator++;
    void client.send(pending.operation!, pending.now).then(result => {
      this.#withCoordinator--;
      pending.settle(result);
    });
  }
}
