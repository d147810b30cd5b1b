// Progress of a running build, folded from its events. All renderers draw from it.
import { basename } from 'node:path';
import type { BuildEvent } from '../../builder/events.ts';
import type { BuildPath } from '../../builder/toolchains/toolchain.ts';
import { failureText } from './diagnosis.ts';
import { sanitizeLine } from './text.ts';

export type TargetState =
  | 'queued'
  | 'checking'
  | 'waiting'
  | 'compiling'
  | 'finished'
  | 'failed'
  | 'cancelled'
  | 'planned';

type Event<Type extends BuildEvent['type']> = Extract<BuildEvent, { type: Type }>;

/** Current state of one target. */
export interface TargetProgress {
  name: string;
  state: TargetState;
  /** Start of the current state in milliseconds since the epoch; 0 before the first event. */
  since: number;
  /** One line to display: the reason for compiling, then the compiler's latest line. */
  detail: string;
  /** The agent that compiles it, or that is about to; undefined on this machine. */
  agent?: string | undefined;
  /** Reasons for the cache miss, one sentence each. */
  why: string[];
  /** How it is compiled, once that is decided. */
  path?: BuildPath | undefined;
  /** How it came out when it was compiled from scratch. */
  verified?: Event<'target-verified'> | undefined;
  finished?: Event<'target-finished'> | undefined;
  failed?: Event<'target-failed'> | undefined;
  planned?: Event<'target-planned'> | undefined;
}

/** Folds events in the order of emission. Targets missing from `build-started` are added on first mention. */
export class BuildProgress {
  /** In the order of the build matrix. */
  readonly targets = new Map<string, TargetProgress>();
  started: Event<'build-started'> | undefined;
  finished: Event<'build-finished'> | undefined;
  /** The latest watch event of a watched build. */
  watch: Event<'watch-changed' | 'watch-problem' | 'watch-waiting'> | undefined;
  /** The latest saved change of a watched build. */
  changed: Event<'watch-changed'> | undefined;

  apply(event: BuildEvent): void {
    switch (event.type) {
      case 'build-started':
        this.started = event;
        this.#list(event.targets.map(target => target.artifactName));
        return;
      case 'build-finished':
        this.finished = event;
        return;
      case 'warning':
        return;
      case 'watch-changed':
        this.changed = event;
        this.watch = event;
        return;
      case 'watch-problem':
      case 'watch-waiting':
        this.watch = event;
        return;
      case 'target-held':
        this.#enter(event.target, 'waiting', event.at, `${event.behind} compiles the same objects`);
        return;
      case 'target-resumed':
        this.#enter(event.target, 'compiling', event.at, reasonText(this.#target(event.target).why));
        return;
      case 'target-path':
        this.#target(event.target).path = event.path;
        return;
      case 'target-verified':
        this.#target(event.target).verified = event;
        return;
      case 'target-output':
        this.#target(event.target).detail = sanitizeLine(event.line);
        return;
      case 'target-missed':
        // Between lookup and compilation, a target waits for a free thread. This time is not its own.
        this.#enter(event.target, 'queued', event.at, reasonText(event.why)).why = event.why;
        return;
      case 'target-checking':
        this.#forget(event.target);
        this.#enter(event.target, 'checking', event.at, '');
        return;
      case 'target-waiting':
        this.#enter(event.target, 'waiting', event.at, `process ${event.pid} is compiling the same`);
        return;
      case 'target-queued':
        this.#enter(event.target, 'queued', event.at, event.why ?? '').agent = undefined;
        return;
      case 'target-preparing':
        this.#enter(event.target, 'waiting', event.at, event.text).agent = event.agent;
        return;
      case 'target-compiling': {
        const { state, why } = this.#target(event.target);
        // The other build failed or is gone, so it is not a reason any more.
        const detail = state === 'waiting' ? reasonText(why) : undefined;
        this.#enter(event.target, 'compiling', event.at, detail).agent = event.agent;
        return;
      }
      case 'target-finished':
        this.#enter(event.target, 'finished', event.at, '').finished = event;
        return;
      case 'target-failed':
        this.#enter(
          event.target,
          'failed',
          event.at,
          failureText(event, file => basename(file)),
        ).failed = event;
        return;
      case 'target-cancelled':
        this.#enter(event.target, 'cancelled', event.at, '');
        return;
      case 'target-planned': {
        const target = this.#enter(event.target, 'planned', event.at, reasonText(event.why));
        target.planned = event;
        target.why = event.why;
        return;
      }
    }
  }

  /** The number of targets in these states. */
  count(...states: TargetState[]): number {
    let count = 0;
    for (const target of this.targets.values()) {
      if (states.includes(target.state)) {
        count++;
      }
    }
    return count;
  }

  #enter(name: string, state: TargetState, since: number, detail?: string): TargetProgress {
    const target = this.#target(name);
    target.state = state;
    target.since = since;
    target.detail = detail ?? target.detail;
    return target;
  }

  #target(name: string): TargetProgress {
    let target = this.targets.get(name);
    if (target === undefined) {
      target = { name, state: 'queued', since: 0, detail: '', why: [] };
      this.targets.set(name, target);
    }
    return target;
  }

  /** Sets the list and order of targets. Known targets keep their state. */
  #list(names: string[]): void {
    const known = names.map(name => this.#target(name));
    this.targets.clear();
    for (const target of known) {
      this.targets.set(target.name, target);
    }
  }

  /** Resets a target for a new build, without its previous result. */
  #forget(name: string): void {
    const target = this.#target(name);
    target.why = [];
    target.path = undefined;
    target.verified = undefined;
    target.agent = undefined;
    target.finished = undefined;
    target.failed = undefined;
    target.planned = undefined;
  }
}

function reasonText(why: readonly string[]): string {
  return why.map(sanitizeLine).join(', ');
}
