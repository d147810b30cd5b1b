// How a worker thread's cache reaches its store: by itself where it can, and else over the connection.
import { BlobFiles } from '../cache/blobs.ts';
import type { CacheStats, CheckReport } from '../cache/cache.ts';
import { ConflictingOptionsError, GloveboxError } from '../cache/errors.ts';
import type { Grant, LeaseRequest, StoreLink } from '../cache/link.ts';
import { SharedMemory } from '../cache/shared-memory.ts';
import { SqliteReader } from '../cache/sqlite/reader.ts';
import type { StoreReader, TimedOperation, WriteOperation, WriteResult } from '../cache/store.ts';
import { queueMicrotask } from '../cache/time.ts';
import { type Connection, CoordinatorEndedError, type RemoteControl } from './connection.ts';
import { DirectWriter, isPlain } from './direct-writer.ts';
import { PortReader } from './port-reader.ts';
import type { OpenReply, OpenRequest } from './protocol.ts';

// Readers wait only for a database that is being opened or recovered, which is short; the thread is blocked meanwhile.
const READER_WAIT_MS = 1000;

// Operations of one transaction. Other threads wait meanwhile.
const BATCH_SIZE = 256;

interface Queued extends TimedOperation {
  done: (result: WriteResult) => void;
}

/**
 * The link of a worker thread's cache: reads and writes by itself where it can, and has the rest done over its
 * connection.
 */
export class PortLink implements StoreLink {
  readonly shared: SharedMemory;
  readonly counters: Float64Array;
  readonly blobs: BlobFiles | undefined;
  readonly #connection: Connection;
  readonly #instance: number;
  readonly #openReader: () => StoreReader;
  #reader: StoreReader;
  #epoch: number;
  // No other process can have the store.
  readonly #isAlone: boolean;
  readonly #direct: DirectWriter | undefined;
  // Of this turn, to be written together.
  #batch: Queued[] = [];
  // Operations that the coordinator has not answered: what comes after them must not overtake them.
  #withCoordinator = 0;

  private constructor(connection: Connection, reply: OpenReply, timeout: number) {
    const { instance, file, writer } = reply;
    this.#connection = connection;
    this.#instance = instance;
    this.shared = new SharedMemory(reply.shared);
    this.counters = new Float64Array(reply.counters);
    this.blobs = reply.directory === undefined ? undefined : new BlobFiles(reply.directory);
    this.#epoch = this.shared.versions.epoch;
    const overPort = new PortReader(connection, instance);
    this.#openReader = () => {
      if (file === undefined || this.shared.versions.isDegraded) return overPort;
      try {
        return new SqliteReader(file, writer, Math.min(timeout, READER_WAIT_MS));
      } catch (error) {
        if (error instanceof GloveboxError) throw error;
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
    return this.#isAlone || this.#reader instanceof SqliteReader;
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
    const epoch = this.shared.versions.epoch;
    if (epoch !== this.#epoch) {
      this.#epoch = epoch;
      this.#reader.close();
      this.#reader = this.#openReader();
    }
    return this.#reader;
  }

  readFailed(error: unknown): undefined {
    const { message, code } = error as NodeJS.ErrnoException;
    const epoch = this.#epoch;
    void this.#call((control, instance) =>
      control.readFailed(instance, message ?? String(error), code, epoch),
    ).catch(() => undefined);
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
      const results = this.#withCoordinator > 0 ? undefined : this.#direct?.commit(part);
      for (const [index, { operation, now, done }] of part.entries()) {
        if (results) done(results[index]!);
        else void this.#pass(operation, now).then(done);
      }
    }
    if (this.#direct?.takeBacklog()) {
      void this.#call((control, instance) => control.tidy(instance)).catch(() => undefined);
    }
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
    return this.#connection.write(this.#instance, operation, now);
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
    this.#direct?.close();
    this.shared.group.close();
    this.#reader.close();
    // The coordinator may have ended before us: then there is nothing to give back.
    await this.#call((control, instance) => control.release(instance)).catch(() => undefined);
  }

  #call<T>(request: (control: RemoteControl, instance: number) => Promise<T>): Promise<T> {
    return this.#connection.call(control => request(control, this.#instance));
  }
}
