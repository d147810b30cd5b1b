// Diagnostics channel of a build's targets, fed from the build's events. Publishes nothing while nothing subscribes.
import { tracingChannel } from 'node:diagnostics_channel';
import type { BuildEvent, EventBody } from './events.ts';

/** One target of a build, published on `glovebox.build.target` from its lookup to its end. */
export interface TargetTrace {
  /** The artifact name. */
  target: string;
  configDirectory: string;
  /** Absent until the target has ended, and if it was not built. */
  source?: Extract<BuildEvent, { type: 'target-finished' }>['source'];
  /** Why it was compiled, one sentence each; absent if it was not. */
  why?: string[];
  fingerprint?: string;
  /** Absolute paths. */
  files?: string[];
  /** Milliseconds, once the target has ended. */
  duration?: number;
  /** Absent until the target has ended. */
  outcome?: 'ready' | 'failed' | 'cancelled';
  /** The error of a failed target, also published as `error`. */
  error?: Error;
}

export const buildTargets = tracingChannel<unknown, TargetTrace>('glovebox.build.target');

/** Publishes the events of one build. */
export class TargetTracing {
  readonly #configDirectory: string;
  readonly #running = new Map<string, TargetTrace>();

  constructor(configDirectory: string) {
    this.#configDirectory = configDirectory;
  }

  event(event: EventBody): void {
    if (event.type === 'target-checking') this.#begin(event.target);
    else if ('target' in event && event.target !== undefined) {
      const trace = this.#running.get(event.target);
      if (trace !== undefined) this.#follow(trace, event);
    }
  }

  #begin(target: string): void {
    if (!buildTargets.hasSubscribers) return;
    const trace: TargetTrace = { target, configDirectory: this.#configDirectory };
    this.#running.set(target, trace);
    buildTargets.start.publish(trace);
    buildTargets.end.publish(trace);
  }

  #follow(trace: TargetTrace, event: EventBody): void {
    switch (event.type) {
      case 'target-missed':
        trace.why = event.why;
        return;
      case 'target-finished': {
        const { source, files, duration, fingerprint } = event;
        this.#end(Object.assign(trace, { outcome: 'ready', source, files, duration, fingerprint }));
        return;
      }
      case 'target-failed': {
        const { duration, reason, message } = event;
        const error = Object.assign(new Error(message), { code: reason });
        buildTargets.error.publish(Object.assign(trace, { error }));
        this.#end(Object.assign(trace, { outcome: 'failed', duration }));
        return;
      }
      case 'target-cancelled':
        this.#end(Object.assign(trace, { outcome: 'cancelled' }));
    }
  }

  #end(trace: TargetTrace): void {
    this.#running.delete(trace.target);
    buildTargets.asyncStart.publish(trace);
    buildTargets.asyncEnd.publish(trace);
  }
}
