// Protocol between the worker threads and the coordinator: every message, and what makes it valid.
//
// A thread has one connection, of two ports. Over `control` it calls the coordinator (Comlink). Over `writes` it sends
// batches of operations, all of one turn in one message, and receives their results, all of one commit in one message.
// A thread writes plain operations by itself; `writes` carries the rest, and those that it could not write.
import { MessagePort } from 'node:worker_threads';
import { ConflictingOptionsError } from '../../errors.ts';
import type { CacheStats, CheckReport, EntryMetadata, EvictionPolicy } from '../cache.ts';
import type { Grant, LeaseRequest } from '../client/store-client.ts';
import type { FoundValue, PageEntry, WriteOperation, WriteResult } from '../operations.ts';
import type { GatewayAnswer, GatewayRequest } from '../remote/gateway.ts';
import type { SharedBuffers } from '../shared/shared-memory.ts';

/** Key of the coordinator's thread id in the environment data that worker threads inherit. */
export const COORDINATOR_KEY = 'glovebox:coordinator';

/** Changes with the messages: threads with different versions of Glovebox do not communicate. */
export const PROTOCOL_VERSION = 4;

/** The first message, to the coordinator's thread or over a port that was passed by hand. */
export interface Hello {
  glovebox: typeof PROTOCOL_VERSION;
  /** The thread's id. */
  thread: number;
  control: MessagePort;
  writes: MessagePort;
}

export function isHello(message: unknown): message is Hello {
  if (typeof message !== 'object' || message === null) return false;
  const { glovebox, thread, control, writes } = message as Partial<Hello>;
  return (
    glovebox === PROTOCOL_VERSION &&
    Number.isSafeInteger(thread) &&
    control instanceof MessagePort &&
    writes instanceof MessagePort
  );
}

/** Tells the thread of another version of Glovebox at once that it is not answered. */
export function closeForeignHello(message: unknown): void {
  if (typeof message !== 'object' || message === null || !('glovebox' in message)) return;
  for (const port of Object.values(message)) if (port instanceof MessagePort) port.close();
}

/** A cache's request to open its store. Options that the caller did not state follow those of another caller. */
export interface OpenRequest {
  tag: string;
  cacheRoot: string;
  backend: 'sqlite' | 'memory';
  maxSize: number;
  policy: EvictionPolicy;
  /** The options that the caller stated. */
  explicit: Stated;
  /** Milliseconds to wait for other processes. */
  timeout: number;
  /** Use the cache root also when others can write there. */
  allowUntrusted: boolean;
}

/** Options of a store that a caller may state, and others adopt. */
export interface StoreOptions {
  maxSize: number;
  policy: EvictionPolicy;
  allowUntrusted: boolean;
}

/** For each of the {@link StoreOptions}, whether it was stated. */
export type Stated = Record<keyof StoreOptions, boolean>;

/** The options of a store that is open, or about to be. */
export type Terms = Pick<OpenRequest, 'tag' | 'backend' | 'explicit' | keyof StoreOptions>;

const SHOWN: { [Name in keyof StoreOptions]: (value: StoreOptions[Name]) => string } = {
  maxSize: value => `a size limit of ${value} bytes`,
  policy: value => `the eviction policy '${value}'`,
  allowUntrusted: value => `allowUntrusted: ${value}`,
};

/**
 * The options of an open store once another caller asks for it: each is the one that either states. The order of the
 * two does not matter.
 *
 * @throws ConflictingOptionsError, naming both, when they state different ones. The backend always counts as stated
 */
export function agree(open: Terms, wanted: Terms, directory: string): StoreOptions & { explicit: Stated } {
  const refuse = (is: string, not: string): never => {
    throw new ConflictingOptionsError(
      `The cache '${wanted.tag}' in ${directory} is open with ${is}, not ${not}. Use the same options everywhere, or close it first.`,
    );
  };
  if (open.backend !== wanted.backend) refuse(`the ${open.backend} backend`, wanted.backend);
  const one = <Name extends keyof StoreOptions>(name: Name): StoreOptions[Name] => {
    const [is, not] = [open[name], wanted[name]] as [StoreOptions[Name], StoreOptions[Name]];
    if (open.explicit[name] && wanted.explicit[name] && is !== not) {
      refuse(SHOWN[name](is), SHOWN[name](not));
    }
    return wanted.explicit[name] ? not : is;
  };
  const isStated = (name: keyof StoreOptions) => open.explicit[name] || wanted.explicit[name];
  return {
    maxSize: one('maxSize'),
    policy: one('policy'),
    allowUntrusted: one('allowUntrusted'),
    explicit: {
      maxSize: isStated('maxSize'),
      policy: isStated('policy'),
      allowUntrusted: isStated('allowUntrusted'),
    },
  };
}

export interface OpenReply {
  instance: number;
  shared: SharedBuffers;
  counters: SharedArrayBuffer;
  /** The tag's directory, which holds the blobs; undefined for stores without files. */
  directory: string | undefined;
  /** The database to open; undefined when reads and writes must use the port. */
  file: string | undefined;
  /** The name that signs transactions. */
  writer: string;
}

/** Counts of all caches that are open in this process, summed over all its threads. */
export interface AggregatedCacheStats {
  /** Stores that are open: one per cache root and tag. */
  totalInstances: number;
  /** By the directory of the tag. */
  instances: Record<string, CacheStats>;
  totalSize: number;
  totalCount: number;
  totalHits: number;
  totalMisses: number;
  /** Hits among all reads, 0 to 1; 0 when nothing was read. */
  hitRate: number;
}

/** Errors lose their class on the way: they travel as data. */
export type Reply<T> = { ok: true; value: T } | { ok: false; code: string; message: string };

/** Either the answer, or that another caller is producing: then the ticket is used to wait for the answer. */
export type LeaseReply = { grant: Grant } | { waitFor: { pid: number }; ticket: number };

/** The coordinator's functions that a worker thread can call. */
export interface CoordinatorApi {
  /** Confirms that the coordinator is there and understands the protocol. */
  greet(): void;
  open(request: OpenRequest): Promise<Reply<OpenReply>>;
  release(instance: number): void;
  read(instance: number, key: string): FoundValue | undefined;
  page(instance: number, prefix: string, after: string, now: number, keysOnly: boolean): PageEntry[];
  readMany(instance: number, keys: string[]): Map<string, FoundValue>;
  metadata(instance: number, key: string): EntryMetadata | undefined;
  lease(instance: number, request: LeaseRequest): Promise<LeaseReply>;
  awaitLease(ticket: number): Promise<LeaseReply>;
  abandon(instance: number, key: string, token: string): void;
  /** `epoch` is that of the connection that read: damage of a database that was replaced since is ignored. */
  readFailed(instance: number, message: string, code: string | undefined, epoch: number): void;
  stats(instance: number): Promise<CacheStats>;
  /** A value of so many bytes was not stored because it is larger than the whole limit. */
  tooLarge(instance: number, key: string, size: number): void;
  check(instance: number, repair: boolean): Promise<CheckReport>;
  collect(instance: number): Promise<number>;
  /** The thread has written by itself, and left unused blobs or more than fits. */
  tidy(instance: number): void;
  aggregatedStats(): Promise<AggregatedCacheStats>;
  /** A cache's request to the remote cache. */
  remote(request: GatewayRequest): Promise<Reply<GatewayAnswer>>;
}

/**
 * Worker to coordinator, over `writes`. `until`: the time by the system's clock after which the operation must not be
 * done any more, because its thread no longer waits for it; null when it does.
 */
export type WriteRequest = [
  id: number,
  instance: number,
  now: number,
  operation: WriteOperation,
  until: number | null,
][];

/** Coordinator to worker, over `writes`. */
export type WriteResponse = [id: number, result: WriteResult][];
