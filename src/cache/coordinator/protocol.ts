// Every message between a worker thread and the coordinator, and what makes one valid.
//
// A thread has one connection, of two ports: over `control` it calls the coordinator (Comlink), over `writes` go
// batches of operations, all of one turn in one message, and come their results, all of one commit in one message.
// What is plain a thread writes by itself; over `writes` goes the rest, and whatever it could not write.
import { MessagePort } from 'node:worker_threads';
import { ConflictingOptionsError } from '../../errors.ts';
import type { CacheStats, CheckReport, EntryMetadata, EvictionPolicy } from '../cache.ts';
import type { Grant, LeaseRequest } from '../client/store-client.ts';
import type { FoundValue, PageEntry, WriteOperation, WriteResult } from '../operations.ts';
import type { GatewayAnswer, GatewayRequest } from '../remote/gateway.ts';
import type { SharedBuffers } from '../shared/shared-memory.ts';

/** Under this name the coordinator's thread id is in the environment data that worker threads inherit. */
export const COORDINATOR_KEY = 'glovebox:coordinator';

/** Changes when messages do: threads with different versions of Glovebox do not talk. */
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

/** Has the thread of another version of Glovebox know at once that it is not answered. */
export function closeForeignHello(message: unknown): void {
  if (typeof message !== 'object' || message === null || !('glovebox' in message)) return;
  for (const port of Object.values(message)) if (port instanceof MessagePort) port.close();
}

/** What a cache asks for when it is opened. What the caller did not state follows what another one states. */
export interface OpenRequest {
  tag: string;
  cacheRoot: string;
  backend: 'sqlite' | 'memory';
  maxSize: number;
  policy: EvictionPolicy;
  /** Which of them the caller stated. */
  explicit: Stated;
  /** Milliseconds to wait for other processes. */
  timeout: number;
  /** Use the cache root also when others can write there. */
  allowUntrusted: boolean;
}

/** What callers may state of a store, and others adopt. */
export interface StoreOptions {
  maxSize: number;
  policy: EvictionPolicy;
  allowUntrusted: boolean;
}

/** Which of the {@link StoreOptions} were stated. */
export type Stated = Record<keyof StoreOptions, boolean>;

/** What is known of a store that is open, or about to be. */
export type Terms = Pick<OpenRequest, 'tag' | 'backend' | 'explicit' | keyof StoreOptions>;

const SHOWN: { [Name in keyof StoreOptions]: (value: StoreOptions[Name]) => string } = {
  maxSize: value => `a size limit of ${value} bytes`,
  policy: value => `the eviction policy '${value}'`,
  allowUntrusted: value => `allowUntrusted: ${value}`,
};

/**
 * What is true of a store that is open, once another caller asks for it: what is stated by either. The order of the
 * two does not matter.
 *
 * @throws ConflictingOptionsError, naming both, when they state different things. The backend counts as stated always
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
  /** The tag's directory, where blobs are; undefined for stores without files. */
  directory: string | undefined;
  /** The database to open; undefined when reads and writes must use the port. */
  file: string | undefined;
  /** The name to sign transactions with. */
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

/** Either the answer, or that somebody else is producing: then the answer is waited for with the ticket. */
export type LeaseReply = { grant: Grant } | { waitFor: { pid: number }; ticket: number };

/** What a worker thread can call. */
export interface CoordinatorApi {
  /** Says that the coordinator is there and understands. */
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
  /** `epoch` is that of the connection that read: damage of a database that was replaced since is no news. */
  readFailed(instance: number, message: string, code: string | undefined, epoch: number): void;
  stats(instance: number): Promise<CacheStats>;
  /** A value of so many bytes was not stored because it is larger than the whole limit. */
  tooLarge(instance: number, key: string, size: number): void;
  check(instance: number, repair: boolean): Promise<CheckReport>;
  collect(instance: number): Promise<number>;
  /** The thread has written by itself, and left unused blobs or more than fits. */
  tidy(instance: number): void;
  aggregatedStats(): Promise<AggregatedCacheStats>;
  /** What a cache asks of a remote one. */
  remote(request: GatewayRequest): Promise<Reply<GatewayAnswer>>;
}

/**
 * Worker to coordinator, over `writes`. `until`: the time by the system's clock after which the operation is not to be
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
