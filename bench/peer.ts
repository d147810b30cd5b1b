// Interface of a benchmark peer. Each file in bench/peers/ exports one as `peer`.
import { readdir } from 'node:fs/promises';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { MessagePort } from 'node:worker_threads';
import type { DataSet } from './data-set.ts';
import type { Workload } from './workload.ts';

/**
 * A store as one thread uses it. Synchronous peers return plain values, as their users get them; only promises are
 * awaited. Values are Buffers, or nested records if the data set says so.
 */
export interface PeerStore {
  /** The value, or undefined when there is none. It is checked before the next call, and then dropped. */
  get(key: string): unknown;
  /** Done when the value is committed. `false` means that it was not stored, which fails the benchmark. */
  set(key: string, value: unknown): unknown;
  /** Done when the removal is committed. */
  delete(key: string): unknown;
  close(): void | Promise<void>;
  /** Stores many entries at once to fill the store. Default: `set` for each. Not measured. */
  setMany?(entries: [key: string, value: unknown][]): unknown;
  /** The value, or the result of `produce`. Default: `get`, produce and `set`, as a user would do. */
  getOrSet?(key: string, produce: () => Promise<Buffer>): Promise<unknown>;
  /** Stores the file at a path. Needed unless the peer {@link Peer.lacks} file workloads. */
  putFile?(key: string, path: string): unknown;
  /** Writes the file stored under a key to a path. Resolves to false when there is none. */
  getFile?(key: string, destination: string): Promise<boolean>;
}

/** A peer's part in the main thread, while its worker threads run. */
export interface PeerServer {
  /** Creates a port for one more worker thread, which becomes `port` of {@link Peer.open}. */
  connect(): MessagePort;
  close(): void | Promise<void>;
}

export interface Peer {
  /** Name in tables, at most 20 characters. */
  title: string;
  /** Configuration and durability, in at most 92 characters. */
  setup: string;
  /** Versions of its dependencies, by name. */
  versions(): Record<string, string>;
  /** The reason that it cannot be measured on this machine; undefined when it can. */
  absent?(): string | undefined;
  /** The reason that it cannot do a workload, in a few words; undefined when it can. */
  lacks?(workload: Workload): string | undefined;
  /** Maximum age, in milliseconds, of a value that another process replaced, as the peer promises. Default: 0. */
  crossProcessStaleness?: number;
  /** Called in the main thread before the first worker opens, for peers that need the main thread. */
  serve?(directory: string, data: DataSet): PeerServer | Promise<PeerServer>;
  /** Called in each thread. All threads and processes of a data set get the same directory, empty or filled. */
  open(directory: string, data: DataSet, port: MessagePort | undefined): PeerStore | Promise<PeerStore>;
  /**
   * A program instead of `open` and the worker threads, for peers in another language. It reads requests and writes
   * replies (see messages.ts) as lines of JSON. One process is started per thread.
   */
  program?: { command: string; args: string[] };
}

/** A peer with its name (that of its file) and the URL of its module. */
export interface LoadedPeer {
  name: string;
  url: string;
  peer: Peer;
}

/** Name of the peer that all others are compared with. */
export const REFERENCE = 'glovebox';

export async function loadPeer(url: string): Promise<Peer> {
  const { peer } = (await import(url)) as { peer?: Peer };
  if (!peer) throw new Error(`${url} exports no 'peer'.`);
  return peer;
}

/** Peer names in a folder, one per file, the reference first. */
export async function peerNames(directory: string): Promise<string[]> {
  const entries = await readdir(directory).catch(() => []);
  const files = entries.filter(file => file.endsWith('.ts')).sort();
  if (files.length === 0) throw new Error(`There are no peers in ${directory}: each is a .ts file.`);
  const names = files.map(file => file.replace(/\.ts$/, ''));
  return names.sort((a, b) => Number(b === REFERENCE) - Number(a === REFERENCE));
}

/** Loads the named peers of a folder in the given order; all of them without names. */
export async function loadPeers(directory: string, names?: readonly string[]): Promise<LoadedPeer[]> {
  return Promise.all(
    (names ?? (await peerNames(directory))).map(async name => {
      const url = pathToFileURL(resolve(directory, `${name}.ts`)).href;
      return { name, url, peer: await loadPeer(url) };
    }),
  );
}

/** {@link Peer.lacks} for peers without files by path. */
export function noFiles({ data }: Workload): string | undefined {
  return data.kind === 'file' ? 'takes no files by path' : undefined;
}
