// A build's connections to the queue of its targets.
import { shownQueue } from '../../config/agents-config.ts';
import type { QueueNames } from './capability.ts';
import type { JobData, JobResult } from './job.ts';
import {
  CONTROL,
  closeAll,
  connectionTo,
  loadBullmq,
  type Queue,
  QueueError,
  type QueueEvents,
  type QueueEventsProducer,
  type Worker,
  whenReady,
  workerOptions,
} from './queue.ts';
import { workerOfClient } from './worker-name.ts';

export interface BuildQueueOptions {
  /** The queue's address. */
  queue: string;
  names: QueueNames;
  /** This machine and user, for people. */
  label: string;
  /** Targets compiled here at once. */
  jobs: number;
  /** The targets' requirements, in words. */
  ability: string;
}

export interface BuildQueue {
  queue: Queue<JobData, JobResult>;
  events: QueueEvents;
  /** Moves jobs to this machine, when asked. */
  worker: Worker<JobData, JobResult>;
  /** Reaches agents and other builds. */
  control: QueueEventsProducer;
  close(): Promise<void>;
}

/**
 * Connects. Rejects with a `GloveboxError`, one sentence, within two seconds: a package is missing, the queue cannot be
 * used, or no agent there can build these targets.
 */
export async function openBuildQueue(options: BuildQueueOptions): Promise<BuildQueue> {
  const { queue: address, names, label, jobs, ability } = options;
  const bullmq = loadBullmq();
  const connection = connectionTo(address);
  const queue = new bullmq.Queue<JobData, JobResult>(names.jobs, connection);
  if (!(await whenReady(address, [queue], () => hasAgents(queue, names, bullmq)))) {
    await closeAll([queue]);
    throw new QueueError(`No agent on the queue ${shownQueue(address)} can build this (${ability}).`);
  }
  const events = new bullmq.QueueEvents(names.jobs, connection);
  const control = new bullmq.QueueEventsProducer(CONTROL, connection);
  const name = { role: 'build', label, pid: process.pid, jobs, ability } as const;
  const worker = new bullmq.Worker<JobData, JobResult>(names.jobs, null, {
    ...workerOptions(address, name),
    autorun: false,
  });
  const all = [events, worker, queue, control];
  // All of them, so that none stays open if one of them fails.
  await whenReady(address, all);
  // Dead agents are noticed even if no other agent is left.
  void worker.startStalledCheckTimer();
  return { queue, events, worker, control, close: () => closeAll(all) };
}

/** Whether an agent takes these jobs, or has the tools for them, so that it may make the workspace. */
async function hasAgents(
  queue: Queue,
  { tools, jobs }: QueueNames,
  bullmq: typeof import('bullmq'),
): Promise<boolean> {
  const queues = [queue];
  // Has the other queue's connection, so there is nothing to close.
  if (tools !== jobs)
    queues.push(new bullmq.Queue(tools, { connection: await queue.getBackend().client } as never));
  const clients = await Promise.all(queues.map(one => one.getWorkers()));
  return clients.flat().some(client => workerOfClient(client)?.role === 'agent');
}
