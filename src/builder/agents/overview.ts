// Overview of a queue: who is there, what each can build, what runs and what waits. From the queue's own data only.
import type { ToolchainKind } from '../../config/toolchain-options.ts';
import { CONTROL, closeAll, connectionTo, kindOfQueue, loadBullmq, type Queue, whenReady } from './queue.ts';
import { parseWorkerName, type WorkerName, workerOfClient } from './worker-name.ts';

export interface QueueOverview {
  kind: ToolchainKind;
  /** The queue's name. */
  name: string;
  /** What its agents can build, in words; undefined without agents. */
  ability: string | undefined;
  agents: WorkerName[];
  /** Builds that wait for targets, and take their own. */
  builds: WorkerName[];
  running: RunningTarget[];
  waiting: number;
  /** Of the last hour. */
  completed: number;
  failed: number;
}

export interface RunningTarget {
  target: string;
  /** Who asked first. */
  from: string;
  /** Who compiles it; undefined in the moment before it says so. */
  by: string | undefined;
  /** Milliseconds. */
  since: number;
}

/** At most so many running targets of a queue. */
const MAX_RUNNING = 200;

/** Reads the queues of agents. Rejects with a `GloveboxError`, within two seconds, if that is not possible. */
export async function readOverview(queue: string): Promise<QueueOverview[]> {
  const bullmq = loadBullmq();
  const control = new bullmq.Queue(CONTROL, connectionTo(queue));
  const names = await whenReady(queue, [control], () => queueNames(control));
  try {
    return await Promise.all(names.map(name => readQueue(bullmq, queue, name)));
  } finally {
    await closeAll([control]);
  }
}

async function queueNames(control: Queue): Promise<string[]> {
  const client = await control.getBackend().client;
  const found = new Set<string>();
  let cursor = '0';
  do {
    const scan = client as unknown as {
      scan(cursor: string, ...words: string[]): Promise<[string, string[]]>;
    };
    const [next, keys] = await scan.scan(cursor, 'MATCH', 'bull:glovebox-*:meta', 'COUNT', '1000');
    for (const key of keys) found.add(key.slice('bull:'.length, -':meta'.length));
    cursor = next;
  } while (cursor !== '0');
  return [...found].filter(name => kindOfQueue(name) !== undefined).sort();
}

async function readQueue(
  bullmq: typeof import('bullmq'),
  address: string,
  name: string,
): Promise<QueueOverview> {
  const queue = new bullmq.Queue(name, connectionTo(address));
  const read = () =>
    Promise.all([
      queue.getWorkers(),
      queue.getJobCounts('waiting', 'completed', 'failed'),
      queue.getActive(0, MAX_RUNNING - 1),
    ]);
  const [clients, counts, active] = await whenReady(address, [queue], read);
  try {
    const workers = clients.map(workerOfClient).filter(worker => worker !== undefined);
    const agents = workers.filter(({ role }) => role === 'agent');
    return {
      ...{ kind: kindOfQueue(name)!, name, ability: agents[0]?.ability, agents },
      builds: workers.filter(({ role }) => role === 'build'),
      running: active.map(job => ({
        target: String(job.data?.target ?? ''),
        from: String(job.data?.from ?? ''),
        by: parseWorkerName(job.processedBy ?? '')?.label,
        since: Date.now() - (job.processedOn ?? Date.now()),
      })),
      waiting: counts.waiting ?? 0,
      completed: counts.completed ?? 0,
      failed: counts.failed ?? 0,
    };
  } finally {
    await closeAll([queue]);
  }
}
