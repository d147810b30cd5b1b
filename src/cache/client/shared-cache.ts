// Shared cache between machines: asks a remote cache after a local miss, and uploads entries that are stored here.
//
// The threads and processes of this machine still agree through the local store: leases, limits and expiry are local,
// and so are `delete` and `clear`. Keys are digests of everything that makes a value, so an entry is the same wherever
// it comes from.
import { randomUUID } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { ClosedCacheError, InvalidArgumentError } from '../../errors.ts';
import type { GetFileOptions, GetOrSetOptions, Producer, SetOptions } from '../cache.ts';
import type { GatewayAnswer, GatewayOptions, GatewayRequest } from '../remote/gateway.ts';
import { decode, Encoding, encode } from '../values/codec.ts';
import type { StoreCacheOptions } from './store-cache.ts';
import type { Connector } from './store-connection.ts';
import { TracedCache } from './traced-cache.ts';

/** Calls the gateway, which is in the coordinator's thread. */
export type AskGateway = (request: GatewayRequest) => Promise<GatewayAnswer>;

type Question = GatewayRequest extends infer Request
  ? Request extends GatewayRequest
    ? Omit<Request, 'options' | 'tag'>
    : never
  : never;

const ABSENT = Symbol('absent');

const ENCODINGS: readonly number[] = [
  Encoding.structured,
  Encoding.text,
  Encoding.buffer,
  Encoding.uint8Array,
];

export class SharedCache extends TracedCache {
  readonly #remote: GatewayOptions;
  readonly #askGateway: AskGateway;
  /** Reads in progress, by key: concurrent readers of one key share a request. */
  readonly #fetching = new Map<string, Promise<{ value: unknown } | undefined>>();
  readonly #telling = new Set<Promise<unknown>>();

  constructor(options: StoreCacheOptions, connector: Connector, remote: GatewayOptions, ask: AskGateway) {
    super(options, connector);
    this.#remote = remote;
    this.#askGateway = ask;
  }

  override async get<T, F = undefined>(key: string, fallback?: F): Promise<T | F> {
    const value = await super.get<T, typeof ABSENT>(key, ABSENT);
    if (value !== ABSENT) return value;
    const found = await this.#fetch(key);
    if (found === undefined) return fallback as F;
    await this.#keep(key, found.value);
    return found.value as T;
  }

  override async getOrSet<T>(key: string, produce: Producer<T>, options?: GetOrSetOptions): Promise<T> {
    let isMade = false;
    const find: Producer<T> = async context => {
      const found = await this.#fetch(key);
      if (found !== undefined) return found.value as T;
      let isSkipped = false;
      const skip = () => {
        isSkipped = true;
        context.skip();
      };
      const value = await produce({ ...context, skip });
      isMade = !isSkipped;
      return value;
    };
    // `getOrSet` itself refuses an argument that is not a function.
    const value = await super.getOrSet(key, typeof produce === 'function' ? find : produce, options);
    if (isMade) this.#tellValue(key, value);
    return value;
  }

  override async getFile(key: string, destination: string, options?: GetFileOptions): Promise<boolean> {
    if (await super.getFile(key, destination, options)) return true;
    const file = temporaryFile();
    try {
      if ((await this.#ask({ type: 'file', key, destination: file })) !== true) return false;
      return (await super.putFile(key, file)) && (await super.getFile(key, destination, options));
    } finally {
      await rm(file, { force: true });
    }
  }

  override async set(key: string, value: unknown, options?: SetOptions): Promise<boolean> {
    const isStored = await super.set(key, value, options);
    if (isStored) this.#tellValue(key, value);
    return isStored;
  }

  override async add(key: string, value: unknown, options?: SetOptions): Promise<boolean> {
    const isStored = await super.add(key, value, options);
    if (isStored) this.#tellValue(key, value);
    return isStored;
  }

  override async setMany(
    entries: Iterable<readonly [key: string, value: unknown]>,
    options?: SetOptions,
  ): Promise<boolean> {
    const all = [...entries];
    const isStored = await super.setMany(all, options);
    if (isStored) for (const [key, value] of all) this.#tellValue(key, value);
    return isStored;
  }

  override async putFile(key: string, file: string, options?: SetOptions): Promise<boolean> {
    const isStored = await super.putFile(key, file, options);
    if (isStored && this.#remote.mode === 'read-write') await this.#tellFile(key);
    return isStored;
  }

  /** Waits for uploads, too: as long as they progress, and 30 seconds at most. */
  override async close(): Promise<void> {
    await Promise.all(this.#telling);
    if (this.#remote.mode === 'read-write') await this.#ask({ type: 'flush', key: '' });
    await super.close();
  }

  #fetch(key: string): Promise<{ value: unknown } | undefined> {
    const begun = this.#fetching.get(key);
    if (begun) return begun;
    const fetching = this.#fetchOnce(key).finally(() => this.#fetching.delete(key));
    this.#fetching.set(key, fetching);
    return fetching;
  }

  async #fetchOnce(key: string): Promise<{ value: unknown } | undefined> {
    const answer = await this.#ask({ type: 'value', key });
    if (typeof answer !== 'object' || !ENCODINGS.includes(answer.encoding)) return undefined;
    const { encoding } = answer;
    const bytes = Buffer.from(answer.bytes);
    try {
      return { value: decode(encoding, encoding === Encoding.text ? bytes.toString() : bytes) };
    } catch {
      // Encoded by a version of Node that this one does not understand.
      return undefined;
    }
  }

  /** A value that cannot be kept is fetched again by the next read. */
  async #keep(key: string, value: unknown): Promise<void> {
    await super.set(key, value).catch(error => {
      if (!(error instanceof ClosedCacheError)) throw error;
    });
  }

  #tellValue(key: string, value: unknown): void {
    if (this.#remote.mode !== 'read-write') return;
    const { encoding, data } = encode(value);
    const bytes = typeof data === 'string' ? Buffer.from(data) : data;
    this.#tell(this.#ask({ type: 'put-value', key, encoding, bytes }));
  }

  /** From a copy: the caller's file may be gone before the upload begins. */
  async #tellFile(key: string): Promise<void> {
    const file = temporaryFile();
    if (await super.getFile(key, file)) this.#tell(this.#ask({ type: 'put-file', key, file }));
  }

  #tell(work: Promise<unknown>): void {
    const settled = work.finally(() => this.#telling.delete(settled));
    this.#telling.add(settled);
  }

  /** A gateway whose thread has ended cannot answer, which counts as a miss. */
  async #ask(question: Question): Promise<GatewayAnswer> {
    try {
      return await this.#askGateway({ ...question, options: this.#remote, tag: this.tag } as GatewayRequest);
    } catch (error) {
      if (error instanceof InvalidArgumentError) throw error;
      return undefined;
    }
  }
}

function temporaryFile(): string {
  return path.join(tmpdir(), `glovebox-remote-${randomUUID()}`);
}
