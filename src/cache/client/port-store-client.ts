// Store client of a worker thread: its own connection to the store, and messages to the coordinator for the rest.
import { randomUUID } from 'node:crypto';
import { ConflictingOptionsError, GloveboxError } from '../../errors.ts';
import { chunksOf } from '../../system/time-slice.ts';
import type { CacheStats, CheckReport } from '../cache.ts';
import { type Accesses, LONG_SET, type WriteOperation, type WriteResult } from '../operations.ts';
import type { Grant, LeaseRequest, OpenReply, OpenRequest, Reply } from '../protocol.ts';
import { SharedMemory } from '../shared/shared-memory.ts';
import { BlobFiles } from '../storage/blobs.ts';
import { isOutOfFiles } from '../storage/sqlite/connection.ts';
import {
  type Connection,
  CoordinatorEndedError,
  type RemoteCoordinatorApi,
  type WaitOptions,
} from './connection.ts';
import { BlockingPortReader, PortReader } from './port-reader.ts';
import type { LeaseEvents, StoreClient } from './store-client.ts';
import { ThreadStore } from './thread-store.ts';

interface Parts {
  left: Iterable<WriteOperation>;
  now: number;
  /** The answer to the part that was sent last. */
  answer: Promise<WriteResult> | undefined;
}

function* partsOfSet(operation: WriteOperation & { type: 'set-many' }): Generator<WriteOperation> {
  const of = randomUUID();
  let left = operation.entries.length;
  for (const entries of chunksOf(operation.entries)) {
    left -= entries.length;
    yield { ...operation, entries, part: { of, isLast: left === 0 } };
  }
}

export class PortStoreClient implements StoreClient {
  readonly shared: SharedMemory;
  readonly counters: Float64Array;
  readonly blobs: BlobFiles | undefined;
  readonly direct: ThreadStore;
  readonly #connection: Connection;
  readonly #instance: number;
  readonly #reads: (() => Accesses)[] = [];
  // An operation of many parts that is being sent, and those that wait behind it.
  #parts: Parts | undefined;
  readonly #behind: (() => void)[] = [];
  // Of the leases that this thread holds, by token: what ends their events.
  readonly #leases = new Map<string, () => void>();

  private constructor(connection: Connection, { instance, directory, writer, ...reply }: OpenReply) {
    this.#connection = connection;
    this.#instance = instance;
    this.shared = new SharedMemory(reply.shared);
    this.counters = new Float64Array(reply.counters);
    this.blobs = directory === undefined ? undefined : new BlobFiles(directory);
    this.direct = new ThreadStore({
      options:
        directory === undefined ? undefined : { directory, writer, takeAccesses: () => this.#takeAccesses() },
      shared: this.shared,
      counters: this.counters,
      coordinator: {
        reader: new PortReader(connection, instance),
        readerNow: timeoutMs => new BlockingPortReader(connection, instance, timeoutMs),
        readFailed: error => this.readFailed(error),
        cleanUp: () => void this.#call((control, id) => control.tidy(id)).catch(() => undefined),
      },
    });
  }

  /** Opens a cache over the connection. Rejects with ConflictingOptionsError. */
  static async open(connection: Connection, request: OpenRequest): Promise<PortStoreClient> {
    return PortStoreClient.#from(connection, await connection.call(control => control.open(request)));
  }

  /**
   * As {@link open}, with this thread blocked: undefined when there was no answer in time. Throws
   * ConflictingOptionsError.
   */
  static openNow(
    connection: Connection,
    request: OpenRequest,
    waitOptions: WaitOptions<never>,
  ): PortStoreClient | undefined {
    const late = (reply: Reply<OpenReply>) => {
      if (reply.ok) connection.call(control => control.release(reply.value.instance)).catch(() => undefined);
    };
    const answer = connection.callNow('open', [request], { ...waitOptions, late });
    return answer && PortStoreClient.#from(connection, answer.value);
  }

  static #from(connection: Connection, reply: Reply<OpenReply>): PortStoreClient {
    if (reply.ok) return new PortStoreClient(connection, reply.value);
    if (reply.code === 'GLOVEBOX_CONFLICTING_OPTIONS') throw new ConflictingOptionsError(reply.message);
    throw new GloveboxError(reply.code, reply.message);
  }

  readFailed(error: unknown): undefined {
    // Whether a lack of descriptors is the reason can be told only at this moment.
    const code = isOutOfFiles(error) ? 'EMFILE' : (error as NodeJS.ErrnoException).code;
    const { message } = error as Error;
    const epoch = this.direct.epoch ?? this.shared.versions.epoch;
    void this.#call((control, instance) =>
      control.readFailed(instance, message ?? String(error), code, epoch),
    ).catch(() => undefined);
  }

  tooLarge(key: string, size: number): void {
    void this.#call((control, instance) => control.tooLarge(instance, key, size)).catch(() => undefined);
  }

  send(operation: WriteOperation, now: number): Promise<WriteResult> {
    // No operation overtakes the parts of an earlier one.
    if (this.#parts) {
      return new Promise(resolve => this.#behind.push(() => resolve(this.send(operation, now))));
    }
    this.#sendReads(operation, now);
    if (operation.type === 'set' && operation.lease !== undefined) this.#forgetLease(operation.lease);
    if (operation.type !== 'set-many' || operation.entries.length <= LONG_SET) {
      return this.#write(operation, now);
    }
    const parts: Parts = { left: partsOfSet(operation), now, answer: undefined };
    this.#parts = parts;
    return this.#sendInParts(parts);
  }

  sendNow(operation: WriteOperation, now: number, timeoutMs: number): WriteResult {
    while (this.#parts) {
      const parts = this.#parts;
      for (const part of parts.left) parts.answer = this.#write(part, parts.now);
      this.#sent(parts);
    }
    this.#sendReads(operation, now);
    return this.#connection.writeNow(this.#instance, operation, now, timeoutMs);
  }

  // This thread's reads go first, so that eviction knows of them.
  #sendReads(operation: WriteOperation, now: number): void {
    if (!this.shared.versions.isNearLimit || operation.type === 'access') return;
    const entries = this.#takeAccesses();
    if (entries.length > 0) void this.#write({ type: 'access', entries, isUrgent: true }, now);
  }

  // A single message with all parts would hold up both threads. The last part commits them all.
  async #sendInParts(parts: Parts): Promise<WriteResult> {
    for (const part of parts.left) {
      parts.answer = this.#write(part, parts.now);
      const result = await parts.answer;
      if (!('value' in result)) break;
    }
    this.#sent(parts);
    return parts.answer!;
  }

  #sent(parts: Parts): void {
    if (this.#parts !== parts) return;
    this.#parts = undefined;
    while (!this.#parts && this.#behind.length > 0) this.#behind.shift()!();
  }

  #write(operation: WriteOperation, now: number): Promise<WriteResult> {
    return this.#connection.write(this.#instance, operation, now);
  }

  addReads(take: () => Accesses): void {
    this.#reads.push(take);
  }

  #takeAccesses(): Accesses {
    return this.#reads.flatMap(take => take());
  }

  async lease(request: LeaseRequest, events: LeaseEvents): Promise<Grant> {
    try {
      const { grant, forget } = await this.#connection.lease(this.#instance, request, events);
      if (grant.state === 'held') this.#leases.set(grant.token, forget);
      return grant;
    } catch (error) {
      if (!(error instanceof CoordinatorEndedError)) throw error;
      return { state: 'unshared' };
    }
  }

  async holds(key: string, token: string): Promise<boolean> {
    return this.#call((control, instance) => control.holds(instance, key, token)).catch(() => false);
  }

  abandon(key: string, token: string): void {
    this.#forgetLease(token);
    void this.#call((control, instance) => control.abandon(instance, key, token)).catch(() => undefined);
  }

  // Whether it is lost does not matter any more.
  #forgetLease(token: string): void {
    this.#leases.get(token)?.();
    this.#leases.delete(token);
  }

  stats(): Promise<CacheStats> {
    return this.#call((control, instance) => control.stats(instance));
  }

  check(repair: boolean): Promise<CheckReport> {
    return this.#call((control, instance) => control.check(instance, repair));
  }

  collectGarbage(): Promise<number> {
    return this.#call((control, instance) => control.collect(instance)).catch((error: unknown) => {
      if (!(error instanceof CoordinatorEndedError)) throw error;
      return 0;
    });
  }

  async close(): Promise<void> {
    this.direct.close();
    // A coordinator that has ended already has nothing left to release.
    await this.#call((control, instance) => control.release(instance)).catch(() => undefined);
  }

  #call<T>(request: (control: RemoteCoordinatorApi, instance: number) => Promise<T>): Promise<T> {
    return this.#connection.call(control => request(control, this.#instance));
  }
}
