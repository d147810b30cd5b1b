// How a worker thread's cache reaches its store: by itself where it can, and else over the connection.
import { BlobFiles } from '../cache/blobs.ts';
import type { CacheStats, CheckReport } from '../cache/cache.ts';
import { ThreadStore } from '../cache/client/thread-store.ts';
import { ConflictingOptionsError, GloveboxError } from '../cache/errors.ts';
import type { Grant, LeaseRequest, StoreLink } from '../cache/link.ts';
import { SharedMemory } from '../cache/shared-memory.ts';
import type { Accesses, StoreReader, TimedOperation, WriteOperation, WriteResult } from '../cache/store.ts';
import type { Connection, RemoteControl } from './connection.ts';
import { PortReader } from './port-reader.ts';
import type { OpenReply, OpenRequest } from './protocol.ts';

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
  readonly #overPort: PortReader;
  // Undefined where the coordinator alone has the store.
  readonly #store: ThreadStore | undefined;
  readonly #reads: (() => Accesses)[] = [];

  private constructor(connection: Connection, reply: OpenReply) {
    const { instance, directory, maxSize, policy, writer } = reply;
    this.#connection = connection;
    this.#instance = instance;
    this.shared = new SharedMemory(reply.shared);
    this.counters = new Float64Array(reply.counters);
    this.blobs = directory === undefined ? undefined : new BlobFiles(directory);
    this.#overPort = new PortReader(connection, instance);
    if (directory !== undefined) {
      const takeAccesses = () => this.#takeAccesses();
      const options = { directory, maxSize, policy, writer, takeAccesses };
      this.#store = new ThreadStore(options, this.shared, this.counters);
    }
  }

  /** Without a connection of its own the thread would not notice what other processes change. */
  get allowsLocalTier(): boolean {
    return this.#store === undefined || this.reader() !== this.#overPort;
  }

  /** Opens a cache over the connection. Rejects with ConflictingOptionsError. */
  static async open(connection: Connection, request: OpenRequest): Promise<PortLink> {
    const reply = await connection.call(control => control.open(request));
    if (!reply.ok) {
      if (reply.code === 'GLOVEBOX_CONFLICTING_OPTIONS') throw new ConflictingOptionsError(reply.message);
      throw new GloveboxError(reply.code, reply.message);
    }
    return new PortLink(connection, reply.value);
  }

  reader(): StoreReader {
    if (this.shared.versions.isDegraded) return this.#overPort;
    try {
      return this.#store?.open()?.reader ?? this.#overPort;
    } catch (error) {
      if (error instanceof GloveboxError) throw error;
      // The coordinator's own connection may not have noticed yet that the file is damaged.
      this.readFailed(error);
      return this.#overPort;
    }
  }

  readFailed(error: unknown): undefined {
    const { message, code } = error as NodeJS.ErrnoException;
    const epoch = this.#store?.epoch ?? this.shared.versions.epoch;
    void this.#call((control, instance) =>
      control.readFailed(instance, message ?? String(error), code, epoch),
    ).catch(() => undefined);
  }

  commit(batch: readonly TimedOperation[]): WriteResult[] | undefined {
    const results = this.#store?.commit(batch);
    if (this.#store?.takeBacklog()) {
      void this.#call((control, instance) => control.tidy(instance)).catch(() => undefined);
    }
    return results;
  }

  send(operation: WriteOperation, now: number): Promise<WriteResult> {
    // What this thread read goes first: eviction is to know of it.
    if (this.shared.versions.isNearLimit && operation.type !== 'access') {
      const entries = this.#takeAccesses();
      if (entries.length > 0) void this.#write({ type: 'access', entries, isUrgent: true }, now);
    }
    return this.#write(operation, now);
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

  async lease(request: LeaseRequest, onWait: (holder: { pid: number }) => void): Promise<Grant> {
    let reply = await this.#call((control, instance) => control.lease(instance, request));
    while ('waitFor' in reply) {
      onWait(reply.waitFor);
      const { ticket } = reply;
      reply = await this.#call(control => control.awaitLease(ticket));
    }
    return reply.grant;
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

  collect(): Promise<number> {
    return this.#call((control, instance) => control.collect(instance));
  }

  async close(): Promise<void> {
    this.#store?.close();
    // The coordinator may have ended before us: then there is nothing to give back.
    await this.#call((control, instance) => control.release(instance)).catch(() => undefined);
  }

  #call<T>(request: (control: RemoteControl, instance: number) => Promise<T>): Promise<T> {
    return this.#connection.call(control => request(control, this.#instance));
  }
}
