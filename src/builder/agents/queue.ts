// Queue of targets on Redis or Valkey, through BullMQ: names, times, and connections. Nothing of the queue is our own.
import { createRequire } from 'node:module';
import { setTimeout as delay } from 'node:timers/promises';
import type { Job, Queue, QueueEvents, QueueEventsProducer, Worker } from 'bullmq';
import { shownQueue } from '../../config/agents-config.ts';
import type { ToolchainKind } from '../../config/toolchain-options.ts';
import { GloveboxError } from '../../errors.ts';
import { formatWorkerName, type WorkerName } from './worker-name.ts';

export type { Job, Queue, QueueEvents, QueueEventsProducer, Worker };

/** A job that is not renewed for this long is given to another agent: its own was killed, stopped, or cut off. */
export const LOCK_MS = 5_000;
/** Interval of the check for such jobs. With {@link LOCK_MS}, a job of a dead agent runs elsewhere within ten seconds. */
export const STALLED_CHECK_MS = 2_500;
/** How many agents may die over a job before it fails. */
export const MAX_STALLED = 10;
/** Limit on connecting, so that a build without a queue begins in time. */
const CONNECT_LIMIT_MS = 1_500;
/** Limit on closing. */
const CLOSE_LIMIT_MS = 1_000;
/** The limit is counted in turns of the event loop: an answer that has arrived on a busy machine is not missed. */
const CONNECT_TURNS = 15;

/** The name of the events by which builds stop jobs, and say that they still want them. */
export const CONTROL = 'glovebox-control';
/** An event of {@link CONTROL}: targets wait in a queue for which agents with the right tools may make a workspace. */
export const OFFERED = 'offered';
/** Events of a queue: an agent makes the workspace for it, or does not take its jobs. */
export const PREPARING = 'agent-preparing';
export const DECLINED = 'agent-declined';

const QUEUE_PREFIX = 'glovebox-';

/** Finished jobs stay for a while, for the boards that show queues. */
export const KEPT = {
  removeOnComplete: { age: 3_600, count: 1_000 },
  removeOnFail: { age: 3_600, count: 1_000 },
};

/** The queue cannot be used, or a package for it is missing. */
export class QueueError extends GloveboxError {
  constructor(message: string, options?: ErrorOptions) {
    super('GLOVEBOX_AGENTS', message, options);
  }
}

/** The queue of agents that have the same tools. */
export function toolsQueueName(kind: ToolchainKind, digest: string): string {
  return `${QUEUE_PREFIX}${kind}-${digest.slice(0, 16)}`;
}

/** The queue of the jobs for these tools and a workspace in one state. */
export function workspaceQueueName(tools: string, digest: string): string {
  return `${tools}-${digest.slice(0, 16)}`;
}

/** The kind of toolchain of a queue by its name; undefined if the queue is not for agents. */
export function kindOfQueue(name: string): ToolchainKind | undefined {
  return /^glovebox-(west|container|command)(-[0-9a-f]{16}){1,2}$/.exec(name)?.[1] as
    | ToolchainKind
    | undefined;
}

/** Loads BullMQ, an optional package. Throws {@link QueueError} with what to install. */
export function loadBullmq(): typeof import('bullmq') {
  const require = createRequire(import.meta.url);
  try {
    for (const name of ['ioredis', 'bullmq']) require.resolve(name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'MODULE_NOT_FOUND') throw error;
    throw new QueueError(
      'Agents need the packages bullmq and ioredis, which are not installed. Install them beside glovebox: npm install bullmq ioredis',
      { cause: error },
    );
  }
  try {
    return require('bullmq') as typeof import('bullmq');
  } catch (error) {
    // One of its own packages is missing, or is for another Node.
    const [why] = (error as Error).message.split('\n');
    throw new QueueError(
      `The package bullmq is installed, but cannot be loaded: ${why}. Install it again: npm install bullmq ioredis`,
      { cause: error },
    );
  }
}

/** Options of connections that are to end. */
const ending = new WeakSet<object>();

/** Options of a connection. It reconnects once a second, until {@link closeAll} closes it. */
export function connectionTo(queue: string): { connection: Record<string, unknown> } {
  const connection = {
    url: queue,
    connectTimeout: 5_000,
    // A connection that never worked cannot be closed otherwise, and keeps the process alive.
    retryStrategy: () => (ending.has(connection) ? null : 1_000),
    maxRetriesPerRequest: null,
    // A half-open connection is noticed.
    keepAlive: 5_000,
  };
  return { connection };
}

/** Options of a worker, which takes jobs under this name. */
export function workerOptions(queue: string, name: WorkerName) {
  return {
    ...connectionTo(queue),
    ...KEPT,
    name: formatWorkerName(name),
    lockDuration: LOCK_MS,
    stalledInterval: STALLED_CHECK_MS,
    maxStalledCount: MAX_STALLED,
  };
}

/** The part of every BullMQ class that opening and closing needs. */
interface Connected {
  waitUntilReady(): Promise<unknown>;
  on(event: 'error', listener: (error: Error) => void): unknown;
  close(): Promise<unknown>;
  /** Its options, with those of {@link connectionTo}. */
  opts: { connection?: unknown };
}

/**
 * Waits until connections work, and runs `work` with them. Rejects with {@link QueueError}, one sentence, as soon as one
 * is refused or lost, and at the latest after {@link CONNECT_LIMIT_MS}; all are closed then.
 */
export async function whenReady<T = void>(
  queue: string,
  connected: readonly Connected[],
  work?: () => Promise<T>,
): Promise<T> {
  const failed = Promise.withResolvers<never>();
  failed.promise.catch(() => {});
  for (const one of connected) one.on('error', error => failed.reject(error));
  let turns = 0;
  const late = setInterval(() => {
    if (++turns >= CONNECT_TURNS) failed.reject(new Error('it does not answer'));
  }, CONNECT_LIMIT_MS / CONNECT_TURNS);
  const working = Promise.all(connected.map(one => one.waitUntilReady())).then(() => work?.());
  working.catch(() => {});
  try {
    return (await Promise.race([working, failed.promise])) as T;
  } catch (error) {
    await closeAll(connected);
    throw new QueueError(`The queue ${shownQueue(queue)} cannot be used: ${describeQueueError(error)}.`, {
      cause: error,
    });
  } finally {
    clearInterval(late);
  }
}

/** Closes connections for good. Does not wait for a server that does not answer. */
export async function closeAll(connected: readonly Connected[]): Promise<void> {
  for (const { opts } of connected) ending.add(opts.connection as object);
  const closing = connected.map(one => one.close().catch(() => {}));
  await Promise.race([Promise.all(closing), delay(CLOSE_LIMIT_MS, undefined, { ref: false })]);
}

/** The reason in words, without a period. */
export function describeQueueError(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  if (/WRONGPASS/.test(message)) return 'the user or the password is wrong';
  if (/NOAUTH/.test(message)) return 'it needs a password';
  if (/NOPERM/.test(message)) return `the user lacks a permission (${message})`;
  if (code === 'ECONNREFUSED') return 'nothing listens there';
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return 'there is no such host';
  if (code === 'ETIMEDOUT' || /ETIMEDOUT/.test(message)) return 'it does not answer';
  return message.replace(/\.$/, '');
}
