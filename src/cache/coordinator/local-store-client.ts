// Local store client: connects a cache of the coordinator's own thread to its store, without a port.
import type { CacheStats, CheckReport } from '../cache.ts';
import type { DirectStore, LeaseEvents, StoreClient } from '../client/store-client.ts';
import type { Accesses, WriteOperation, WriteResult } from '../operations.ts';
import type { Grant, LeaseRequest, OpenRequest } from '../protocol.ts';
import type { SharedMemory } from '../shared/shared-memory.ts';
import type { BlobFiles } from '../storage/blobs.ts';
import type { Coordinator } from './coordinator.ts';
import type { StoreHost } from './host.ts';
import type { Client } from './leases.ts';
import type { OpenedStore } from './session.ts';

export class LocalStoreClient implements StoreClient {
  readonly shared: SharedMemory;
  readonly counters: Float64Array;
  readonly direct: DirectStore;
  readonly blobs: BlobFiles | undefined;
  readonly #coordinator: Coordinator;
  readonly #host: StoreHost;
  readonly #client: Client;
  readonly #timeout: number;
  readonly #reads: (() => void)[] = [];

  private constructor(
    coordinator: Coordinator,
    client: Client,
    { host, counters }: OpenedStore,
    timeout: number,
  ) {
    this.#coordinator = coordinator;
    this.#host = host;
    this.#client = client;
    this.#timeout = timeout;
    this.shared = host.shared;
    this.counters = counters;
    this.blobs = host.blobs;
    this.direct = {
      allowsLocalTier: true,
      reader: () => host.reader,
      readerNow: () => host.reader,
      commit: batch => host.commitNow(batch),
    };
  }

  /** Opens the store. Rejects with ConflictingOptionsError. */
  static async open(
    coordinator: Coordinator,
    request: OpenRequest,
    client: Client,
  ): Promise<LocalStoreClient> {
    return new LocalStoreClient(
      coordinator,
      client,
      await coordinator.openInTime(request, client),
      request.timeout,
    );
  }

  /** As {@link open}, with this thread blocked for it. */
  static openNow(coordinator: Coordinator, request: OpenRequest, client: Client): LocalStoreClient {
    return new LocalStoreClient(coordinator, client, coordinator.openNow(request, client), request.timeout);
  }

  readFailed(error: unknown): undefined {
    return this.#host.readFailed(error);
  }

  tooLarge(key: string, size: number): void {
    this.#host.tooLarge(key, size);
  }

  send(operation: WriteOperation, now: number): Promise<WriteResult> {
    return this.#host.write(operation, now, this.#timeout);
  }

  sendNow(operation: WriteOperation, now: number, timeoutMs: number): WriteResult {
    return this.#host.writeNow(operation, now, timeoutMs);
  }

  addReads(take: () => Accesses): void {
    this.#reads.push(this.#host.addReads(take));
  }

  lease(request: LeaseRequest, events: LeaseEvents): Promise<Grant> {
    return this.#host.leases.acquire(this.#client, request, events);
  }

  async holds(key: string, token: string): Promise<boolean> {
    return this.#host.leases.holds(key, token);
  }

  abandon(key: string, token: string): void {
    this.#host.leases.abandon(key, token);
  }

  async stats(): Promise<CacheStats> {
    return this.#host.stats();
  }

  check(repair: boolean): Promise<CheckReport> {
    return this.#host.check(repair);
  }

  collectGarbage(): Promise<number> {
    return this.#host.collectGarbage();
  }

  async close(): Promise<void> {
    for (const remove of this.#reads) remove();
    this.#coordinator.release(this.#host, this.#client);
  }
}
