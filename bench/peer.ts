// What a store must offer to be measured. A peer is one file in bench/peers/ that exports one of these as `peer`.
import { readdir } from 'node:fs/promises';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { MessagePort } from 'node:worker_threads';
import type { DataSet } from './data-set.ts';
import type { Workload } from './workload.ts';

/**
 * A store as one thread uses it. Methods of peers that are synchronous return plain values, as their users get them;
 * what is a promise is awaited. Values are Buffers, or nested records when the data set says so.
 */
export interface PeerStore {
  /** The value, or undefined when there is none. What it gives is looked at before the next call, and then dropped. */
  get(key: string): unknown;
  /** Done when the value is committed. A result of `false` says that it is not stored, which fails the benchmark. */
  set(key: string, value: unknown): unknown;
  /** Done when the removal is committed. */
  delete(key: string): unknown;
  close(): void | Promise<void>;
  /** Stores many at once, to fill the store; without it each is `set`. Not measured. */
  setMany?(entries: [key: string, value: unknown][]): unknown;
  /** The value, or what `produce` makes; without it a user would `get`, produce and `set`, and so does the benchmark. */
  getOrSet?(key: string, produce: () => Promise<Buffer>): Promise<unknown>;
  /** Stores the file at a path; needed unless the peer {@link Peer.lacks} workloads with files. */
  putFile?(key: string, path: string): unknown;
  /** Writes the file stored under a key to a path; resolves to whether there was one. */
  getFile?(key: string, destination: string): Promise<boolean>;
}

/** What a peer keeps in the main thread while its worker threads run. */
export interface PeerServer {
  /** A port for one more worker thread; it becomes `port` of {@link Peer.open}. */
  connect(): MessagePort;
  close(): void | Promise<void>;
}

export interface Peer {
  /** Its name in tables, at most 20 characters. */
  title: string;
  /** How it is used, and its durability, in at most 92 characters. */
  setup: string;
  /** The versions of what it stands on, by name. */
  versions(): Record<string, string>;
  /** Why it cannot be measured on this machine; undefined when it can. */
  absent?(): string | undefined;
  /** Why it cannot do a workload, in a few words; undefined when it can. */
  lacks?(workload: Workload): string | undefined;
  /** How old, in milliseconds, a value may be, by the peer's own promise, that another process replaced. Default: 0. */
  crossProcessStaleness?: number;
  /** Called in the main thread before the first worker opens; for peers that need the main thread. */
  serve?(directory: string, data: DataSet): PeerServer | Promise<PeerServer>;
  /** Called in each thread. All threads and processes get the same empty or filled directory, one for each data set. */
  open(directory: string, data: DataSet, port: MessagePort | undefined): PeerStore | Promise<PeerStore>;
  /**
   * A program that takes the place of `open` and of the worker threads, for peers of another language: it reads
   * requests and writes replies (see messages.ts) as lines of JSON. As many processes are started as there would be threads.
   */
  program?: { command: string; args: string[] };
}

/** A peer with its name (that of its file) and the URL of the module that its processes load it from. */
export interface LoadedPeer {
  name: string;
  url: string;
  peer: Peer;
}

/** The name of the peer that all others are compared with. */
export const REFERENCE = 'glovebox';

export async function loadPeer(url: string): Promise<Peer> {
  const { peer } = (await import(url)) as { peer?: Peer };
  if (!peer) throw new Error(`${url} exports no 'peer'.`);
  return peer;
}

/** The names of the peers in a folder, one a file, the reference first. */
export async function peerNames(directory: string): Promise<string[]> {
  const entries = await readdir(directory).catch(() => []);
  const files = entries.filter(file => file.endsWith('.ts')).sort();
  if (files.length === 0) throw new Error(`There are no peers in ${directory}: each is a .ts file.`);
  const names = files.map(file => file.replace(/\.ts$/, ''));
  return names.sort((a, b) => Number(b === REFERENCE) - Number(a === REFERENCE));
}

/** Loads peers of a folder, in the order of their names; all when none are named. */
export async function loadPeers(directory: string, names?: readonly string[]): Promise<LoadedPeer[]> {
  return Promise.all(
    (names ?? (await peerNames(directory))).map(async name => {
      const url = pathToFileURL(resolve(directory, `${name}.ts`)).href;
      return { name, url, peer: await loadPeer(url) };
    }),
  );
}

/** For {@link Peer.lacks} of peers that take no files by path. */
export function noFiles({ data }: Workload): string | undefined {
  return data.kind === 'file' ? 'takes no files by path' : undefined;
}
