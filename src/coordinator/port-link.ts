// How a worker thread's cache reaches its store: by itself where it can, and else over the connection.
import { randomUUID } from 'node:crypto';
import { BlobFiles } from '../cache/blobs.ts';
import type { CacheStats, CheckReport } from '../cache/cache.ts';
import { ConflictingOptionsError, GloveboxError } from '../cache/errors.ts';
import type { Grant, LeaseRequest, StoreLink } from '../cache/link.ts';
import { partsOf } from '../cache/pace.ts';
import { SharedMemory } from '../cache/shared-memory.ts';
import { isOutOfFiles } from '../cache/sqlite/connection.ts';
import { SqliteReader } from '../cache/sqlite/reader.ts';
import {
  LONG_SET,
  type StoreReader,
  type TimedOperation,
  type WriteOperation,
  type WriteResult,
} from '../cache/store.ts';
import { performance, queueMicrotask } from '../cache/time.ts';
import { type Connection, CoordinatorEndedError, type RemoteControl } from './connection.ts';
import { DirectWriter, isPlain } from './direct-writer.ts';
import { type Closeable, withRoom, workerStores } from './open-stores.ts';
import { PortReader } from './port-reader.ts';
import type { OpenReply, OpenRequest } from './protocol.ts';

// Readers wait only for a database that is being opened or recovered, which is short; the thread is blocked meanwhile.
const READER_WAIT_MS = 1000;
// How long to read over the port when there are no descriptors for connections, before trying again.
const RETRY_MS = 1000;

// Operations of one transaction. Other threads wait meanwhile.
const BATCH_SIZE = 256;

interface Queued extends TimedOperation {
  done: (result: WriteResult) => void;
}

/**
 * The link of a worker thread's cache: reads and writes by itself where it can, and has the rest done over its
 * connection.
 */
export class PortLink implements StoreLink, Closeable {
  readonly shared: SharedMemory;
  readonly counters: Float64Array;
  readonly blobs: BlobFiles | undefined;
  readonly #connection: Connection;
  readonly #instance: number;
  readonly #openReader: () => StoreReader;
  #reader: StoreReader | undefined;
  #lastUsed = 0;
  // When to try again to read without the port, by the steady clock; while it could not be done.
  #retryAt = Number.POSITIVE_INFINITY;
  #epoch: number;
  // No other process can have the store.
  readonly #isAlone: boolean;
  readonly #direct: DirectWriter | undefined;
  // Of this turn, to be written together.
  #batch: Queued[] = [];
  // Operations that the coordinator has not answered: what comes after them must not overtake them.
  #withCoordinator = 0;
  // The parts of an operation that are being sent.
  #parts: Promise<void> | undefined;

  private constructor(connection: Connection, reply: OpenReply, timeout: number) {
    const { instance, file, writer } = reply;
    this.#connection = connection;
    this.#instance = instance;
    this.shared = new SharedMemory(reply.shared);
    this.counters = new Float64Array(reply.counters);
    this.blobs = reply.directory === undefined ? undefined : new BlobFiles(reply.directory);
    this.#epoch = this.shared.versions.epoch;
    const overPort = new PortReader(connection, instance);
    const open = (path: string) => new SqliteReader(path, writer, Math.min(timeout, READER_WAIT_MS));
    this.#openReader = () => {
      this.#retryAt = Number.POSITIVE_INFINITY;
      if (file === undefined || this.shared.versions.isDegraded) return overPort;
      try {
        const reader = withRoom(workerStores, () => open(file));
        workerStores.add(this);
        return reader;
      } catch (error) {
        if (error instanceof GloveboxError) throw error;
        if (isOutOfFiles(error)) this.#retryAt = performance.now() + RETRY_MS;
        // The coordinator's own connection may not have noticed yet that the file is damaged.
        this.readFailed(error);
        return overPort;
      }
    };
    this.#reader = this.#openReader();
    this.#isAlone = file === undefined;
    const { directory } = reply;
    if (directory !== undefined) {
      const options = { directory, writer };
      this.#direct = new DirectWriter(options, this.shared, this.counters);
    }
  }

  /** Without a connection of its own the thread would not notice what other processes change. */
  get allowsLocalTier(): boolean {
    return this.#isAlone || !(this.#reader instanceof PortReader);
  }

  get lastUsed(): number {
    return this.#lastUsed;
  }

  get isBusy(): boolean {
    return this.#batch.length > 0;
  }

  park(): void {
    this.#direct?.park();
    this.#reader?.close();
    this.#reader = undefined;
  }

  /** The link to a store that was opened over the connection. */
  static from(connection: Connection, reply: OpenReply, timeout: number): PortLink {
    return new PortLink(connection, reply, timeout);
  }

  /** Opens a cache over the connection. Rejects with ConflictingOptionsError. */
  static async open(connection: Connection, request: OpenRequest): Promise<PortLink> {
    const reply = await connection.call(control => control.open(request));
    if (!reply.ok) {
      if (reply.code === 'GLOVEBOX_CONFLICTING_OPTIONS') throw new ConflictingOptionsError(reply.message);
      throw new GloveboxError(reply.code, reply.message);
    }
    return new PortLink(connection, reply.value, request.timeout);
  }

  reader(): StoreReader {
    this.#lastUsed = workerStores.tick();
    const epoch = this.shared.versions.epoch;
    if (epoch !== this.#epoch || performance.now() > this.#retryAt) {
      this.#epoch = epoch;
      this.#reader?.close();
      this.#reader = undefined;
    }
    this.#reader ??= this.#openReader();
    return this.#reader;
  }

  readFailed(error: unknown): undefined {
    // Whether it is for want of descriptors only this moment tells.
    const code = isOutOfFiles(error) ? 'EMFILE' : (error as NodeJS.ErrnoException).code;
    const { message } = error as Error;
    const epoch = this.#epoch;
    void this.#call((control, instance) =>
      control.readFailed(instance, message ?? String(error), code, epoch),
    ).catch(() => undefined);
  }

  tooLarge(key: string, size: number): void {
    void this.#call((control, instance) => control.tooLarge(instance, key, size)).catch(() => undefined);
  }

  write(operation: WriteOperation, now: number): Promise<WriteResult> {
    if (operation.type === 'access' || operation.type === 'discard') return this.#send(operation, now);
    if (!this.#direct || this.#withCoordinator > 0 || !isPlain(operation)) {
      this.#flush();
      return this.#pass(operation, now);
    }
    return new Promise(done => {
      this.#batch.push({ operation, now, done });
      // One transaction for everything that this turn writes.
      if (this.#batch.length === 1) queueMicrotask(() => this.#flush());
    });
  }

  #flush(): void {
    const batch = this.#batch;
    if (batch.length === 0) return;
    this.#batch = [];
    for (let from = 0; from < batch.length; from += BATCH_SIZE) {
      const part = batch.slice(from, from + BATCH_SIZE);
      const results = this.#withCoordinator > 0 ? undefined : this.#commit(part);
      for (const [index, { operation, now, done }] of part.entries()) {
        if (results) done(results[index]!);
        else void this.#pass(operation, now).then(done);
      }
    }
    if (this.#direct?.takeBacklog()) {
      void this.#call((control, instance) => control.tidy(instance)).catch(() => undefined);
    }
  }

  #commit(part: readonly Queued[]): WriteResult[] | undefined {
    this.#lastUsed = workerStores.tick();
    // A writer is counted with its reader, which is opened here if it was closed with it.
    if (this.#reader === undefined) this.reader();
    return this.#direct?.commit(part);
  }

  async #pass(operation: WriteOperation, now: number): Promise<WriteResult> {
    this.#withCoordinator++;
    try {
      return await this.#send(operation, now);
    } finally {
      this.#withCoordinator--;
    }
  }

  #send(operation: WriteOperation, now: number): Promise<WriteResult> {
    // Nothing overtakes the parts of one that was before it.
    if (this.#parts) return this.#parts.then(() => this.#send(operation, now));
    if (operation.type === 'set-many' && operation.entries.length > LONG_SET) {
      const sent = this.#sendInParts(operation, now);
      const parts = sent.then(() => {
        if (this.#parts === parts) this.#parts = undefined;
      });
      this.#parts = parts;
      return sent;
    }
    return this.#connection.write(this.#instance, operation, now);
  }

  // One message of all would hold up both threads. It is committed with the last part.
  async #sendInParts(operation: WriteOperation & { type: 'set-many' }, now: number): Promise<WriteResult> {
    const of = randomUUID();
    let left = operation.entries.length;
    for (const entries of partsOf(operation.entries)) {
      left -= entries.length;
      const part = { ...operation, entries, part: { of, isLast: left === 0 } };
      const result = await this.#connection.write(this.#instance, part, now);
      if (left === 0 || !('value' in result)) return result;
    }
    return { value: true };
  }

  async lease(request: LeaseRequest, onWait: (holder: { pid: number }) => void): Promise<Grant> {
    try {
      let reply = await this.#call((control, instance) => control.lease(instance, request));
      while ('waitFor' in reply) {
        onWait(reply.waitFor);
        const { ticket } = reply;
        reply = await this.#call(control => control.awaitLease(ticket));
      }
      return reply.grant;
    } catch (error) {
      if (!(error instanceof CoordinatorEndedError)) throw error;
      return { state: 'unshared' };
    }
  }

  abandon(key: string, token: string): void {
    void this.#call((control, instance) => control.abandon(instance, key, token)).catch(() => undefined);
  }

  stats(): Promise<CacheStats> {
    return this.#call((control, instance) => control.stats(instance));
  }

  check(repair: boolean): Promise<CheckReport> {
    return this.#call((control, instance) => control.check(instance, repair));
  }

  collect(): Promise<void> {
    return this.#call((control, instance) => control.collect(instance)).catch((error: unknown) => {
      if (!(error instanceof CoordinatorEndedError)) throw error;
    });
  }

  async close(): Promise<void> {
    this.#flush();
    workerStores.delete(this);
    this.park();
    this.shared.group.close();
    // The coordinator may have ended before us: then there is nothing to give back.
    await this.#call((control, instance) => control.release(instance)).catch(() => undefined);
  }

  #call<T>(request: (control: RemoteControl, instance: number) => Promise<T>): Promise<T> {
    return this.#connection.call(control => request(control, this.#instance));
  }
}
