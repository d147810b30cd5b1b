// Events of an agent, as one union.
import type { ToolchainKind } from '../../config/toolchain-options.ts';

/** How a job ended for the agent that took it. */
export type JobEnd =
  /** It compiled it. */
  | 'compiled'
  /** It had been compiled before. */
  | 'cached'
  /** The compiler failed. */
  | 'failed'
  | 'refused'
  /** The build that asked was stopped. */
  | 'cancelled'
  /** No build waits for it any more: the one that asked was killed. */
  | 'abandoned'
  /** Given back, because the agent ends. */
  | 'returned'
  /** Another agent has it, because this one did not answer for too long. */
  | 'lost';

/** `at`: milliseconds since the epoch. */
export type AgentEvent = { at: number } & (
  | {
      type: 'agent-started';
      name: string;
      pid: number;
      jobs: number;
      /** Without the password. */
      queue: string;
      accepts: { kind: ToolchainKind; queue: string; detail: string }[];
    }
  /** It takes jobs of one more queue, for a workspace that it has now. */
  | { type: 'queue-served'; queue: string; detail: string }
  /** It takes no jobs of this queue, or none any more. */
  | { type: 'queue-declined'; queue: string; why: string }
  /** A kind of toolchain that it is to accept and cannot build with. */
  | { type: 'agent-unable'; kind: ToolchainKind; why: string }
  /** What it is busy with before it can take jobs. */
  | { type: 'agent-preparing'; text: string }
  | { type: 'job-taken'; job: string; target: string; from: string }
  | {
      type: 'job-ended';
      job: string;
      target: string;
      from: string;
      end: JobEnd;
      /** One sentence, for a job without firmware. */
      message?: string;
      /** Milliseconds. */
      duration: number;
    }
  /** It takes no jobs for a while, because it is in trouble. */
  | { type: 'agent-resting'; why: string; seconds: number }
  | { type: 'queue-lost'; why: string }
  | { type: 'queue-found' }
  | { type: 'warning'; message: string }
  /** It ends after its current jobs. */
  | { type: 'agent-stopping'; jobs: number }
  | { type: 'agent-stopped' }
);

/** An event without its time. */
export type AgentEventBody = AgentEvent extends infer Event
  ? Event extends AgentEvent
    ? Omit<Event, 'at'>
    : never
  : never;
