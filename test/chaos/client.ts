// Chaos client: follows a schedule, and logs each call and its answer.
import { closeSync, mkdirSync, openSync, writeSync } from 'node:fs';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { Cache } from '../../src/cache/cache.ts';
import { createDefaultCache } from '../../src/index.ts';
import { type CacheCall, type CallResult, type Line, now } from './log-lines.ts';
import { Random } from './random.ts';
import { Schedule, TAGS } from './schedule.ts';
import { bytesOf, makeValue, recognise } from './values.ts';

/** The parameters of a participating thread. */
export interface ClientConfig {
  seed: number;
  cacheRoot: string;
  /** Directory of the process's logs. */
  logs: string;
  /** Directory for the files that are put and restored. */
  scratch: string;
  /** The process and the thread, such as `2.7/1.3`: slot and incarnation of each. */
  writer: string;
}

/** The file that a thread's lines go to. */
export function logFile(logs: string, writer: string): string {
  return join(logs, `${writer.split('/')[1]}.log`);
}

// Calls of one thread that run at the same time.
const CONCURRENT_CALLS = 2;

class ProducerError extends Error {}

export class Client {
  readonly #config: Pick<ClientConfig, 'cacheRoot' | 'scratch' | 'writer'>;
  readonly #log: (line: Line) => void;
  readonly #caches = new Map<string, Cache>();
  #count = 0;

  constructor(config: Pick<ClientConfig, 'cacheRoot' | 'scratch' | 'writer'>, log: (line: Line) => void) {
    this.#config = config;
    this.#log = log;
    mkdirSync(config.scratch, { recursive: true });
    for (const [tag, options] of Object.entries(TAGS)) {
      this.#caches.set(tag, createDefaultCache({ ...options, tag, cacheRoot: config.cacheRoot }));
    }
  }

  /** Makes the call, and resolves when it was answered, whatever the answer. */
  async ask(ask: CacheCall): Promise<CallResult | undefined> {
    const id = this.#count++;
    // The file is created first, because putFile reads it during the call.
    const file = join(this.#config.scratch, `${this.#config.writer.replace('/', '-')}-${id}`);
    if (ask.op === 'putFile') await writeFile(file, bytesOf(ask.value));
    try {
      this.#log({ t: now(), id, ask });
      const answer = await this.#perform(ask, id, file);
      this.#log({ t: now(), id, answer });
      return answer;
    } catch (error) {
      this.#log({
        t: now(),
        id,
        error: error instanceof Error ? (error.stack ?? error.message) : String(error),
      });
      return undefined;
    } finally {
      if (ask.op === 'putFile' || ask.op === 'getFile') await rm(file, { force: true });
    }
  }

  async #perform(ask: CacheCall, id: number, file: string): Promise<CallResult> {
    const cache = this.#caches.get(ask.tag)!;
    const missing = Symbol('missing');
    // Some of a thread's calls are synchronous, in the midst of the others.
    const isSync = id % 3 === 0;
    switch (ask.op) {
      case 'get': {
        const value: unknown = isSync ? cache.getSync(ask.key, missing) : await cache.get(ask.key, missing);
        return value === missing ? null : recognise(value);
      }
      case 'getMany': {
        const found = isSync ? cache.getManySync(ask.keys) : await cache.getMany(ask.keys);
        return Object.fromEntries(
          ask.keys.map(key => [key, found.has(key) ? recognise(found.get(key)) : null]),
        );
      }
      case 'entries': {
        const found: Record<string, string> = {};
        for await (const [key, value] of cache.entries({ prefix: ask.prefix })) found[key] = recognise(value);
        return found;
      }
      case 'has':
        return isSync ? cache.hasSync(ask.key) : cache.has(ask.key);
      case 'set':
        return isSync
          ? cache.setSync(ask.key, makeValue(ask.value), withTtl(ask.ttl))
          : cache.set(ask.key, makeValue(ask.value), withTtl(ask.ttl));
      case 'add':
        return cache.add(ask.key, makeValue(ask.value), withTtl(ask.ttl));
      case 'setMany': {
        const value = makeValue(ask.value);
        return cache.setMany(ask.keys.map(key => [key, value]));
      }
      case 'delete':
        return isSync ? cache.deleteSync(ask.key) : cache.delete(ask.key);
      case 'touch':
        return cache.touch(ask.key, ask.ttl);
      case 'increment':
        return (await cache.increment(ask.key, ask.by)) ?? null;
      case 'putFile':
        return cache.putFile(ask.key, file);
      case 'getFile':
        return (await cache.getFile(ask.key, file)) ? recognise(await readFile(file)) : null;
      case 'getOrSet':
        return this.#getOrSet(cache, ask, id);
      case 'cleanup':
        return cache.cleanup();
      case 'check': {
        const { problems } = await cache.check();
        return { problems: problems.map(({ kind, subject, message }) => ({ kind, subject, message })) };
      }
      case 'stats': {
        const { size, count, degraded } = await cache.stats();
        if (degraded !== undefined) throw new Error(`degraded: ${degraded}`);
        return { size, count };
      }
    }
  }

  async #getOrSet(cache: Cache, ask: CacheCall & { op: 'getOrSet' }, id: number): Promise<CallResult> {
    const produce = async () => {
      this.#log({ t: now(), id, producing: true });
      if (ask.takes > 0) await pause(ask.takes);
      this.#log({ t: now(), id, produced: !ask.throws });
      if (ask.throws) throw new ProducerError();
      return makeValue(ask.value);
    };
    try {
      const wait = ask.wait === undefined ? {} : { wait: ask.wait };
      return recognise(await cache.getOrSet(ask.key, produce, { ...withTtl(ask.ttl), ...wait }));
    } catch (error) {
      if (error instanceof ProducerError) return 'threw';
      throw error;
    }
  }
}

function withTtl(ttl: number | undefined): { ttl?: number } {
  return ttl === undefined ? {} : { ttl };
}

/** Runs the schedule in this thread until `isOver` returns true; every call is answered then. */
export async function runClient(
  config: ClientConfig,
  isOver: () => boolean,
  log = openLog(config),
): Promise<void> {
  process.on('warning', warning => log({ t: now(), warning: `${warning.name}: ${warning.message}` }));
  const client = new Client(config, log);
  const caller = async (number: number) => {
    const random = new Random(config.seed, config.writer, number);
    const schedule = new Schedule(random, `${config.writer}/${number}`);
    while (!isOver()) {
      await Promise.all(schedule.next().map(ask => client.ask(ask)));
      if (random.chance(0.3)) await pause(random.between(0, 4));
    }
  };
  await Promise.all(Array.from({ length: CONCURRENT_CALLS }, (_, number) => caller(number)));
}

/** Appends to the thread's log. A line is in the file when the call returns. */
export function openLog({ logs, writer }: Pick<ClientConfig, 'logs' | 'writer'>): (line: Line) => void {
  const file = openSync(logFile(logs, writer), 'a');
  process.once('exit', () => closeSync(file));
  return line => writeSync(file, `${JSON.stringify(line)}\n`);
}
