// Recording of one build from its events: the spans of each thread and the result of each target.
import type { BuildEvent } from '../../builder/events.ts';
import type { BuildPath } from '../../builder/toolchains/toolchain.ts';
import { warningText } from '../terminal/warning.ts';

type Event<Type extends BuildEvent['type']> = Extract<BuildEvent, { type: Type }>;

/** Kind of work in a span. `lookup`: a cache miss. `restored`: firmware from the cache. */
export type SpanKind = 'lookup' | 'restored' | 'waiting' | 'compiled' | 'failed' | 'cancelled';

/** A time span of one target. */
export interface Span {
  target: string;
  kind: SpanKind;
  /** Track 0 is the main thread, which queries the cache. Workers are numbered from 1 in order of their first span. */
  track: number;
  /** Milliseconds since the start of the build. */
  from: number;
  to: number;
}

/** Result of one target. */
export interface TargetRecord {
  name: string;
  board: string;
  shield: string | undefined;
  why: string[];
  /** How it was compiled, if it was. */
  path?: BuildPath;
  finished: Event<'target-finished'> | undefined;
  failed: Event<'target-failed'> | undefined;
  cancelled: boolean;
}

export class Recording {
  readonly spans: Span[] = [];
  readonly targets = new Map<string, TargetRecord>();
  readonly warnings: string[] = [];
  started: Event<'build-started'> | undefined;
  finished: Event<'build-finished'> | undefined;
  #workers = 1;
  readonly #open = new Map<
    string,
    { track: number; kind: 'lookup' | 'waiting' | 'compiled'; from: number }
  >();
  readonly #tracks = new Map<string, number>();
  /** The label of each track. */
  readonly trackNames: string[] = ['cache'];

  /** Records one event, in the order of emission. */
  event(event: BuildEvent): void {
    switch (event.type) {
      case 'build-started':
        this.started = event;
        for (const { artifactName: name, board, shield } of event.targets) {
          const nothing = { why: [], finished: undefined, failed: undefined, cancelled: false };
          this.targets.set(name, { name, board, shield, ...nothing });
        }
        return;
      case 'build-finished':
        this.finished = event;
        return;
      case 'warning':
        this.warnings.push(warningText(event));
        return;
      case 'target-checking':
        this.#begin(event, 'lookup', 0);
        return;
      case 'target-missed':
        this.#end(event, 'lookup');
        this.#record(event.target, { why: event.why });
        return;
      case 'target-waiting':
        this.#begin(event, 'waiting', this.#trackOf(`${event.thread}`));
        return;
      case 'target-compiling':
        this.#end(event);
        this.#begin(
          event,
          'compiled',
          event.agent === undefined ? this.#trackOf(`${event.thread}`) : this.#trackOfAgent(event.agent),
        );
        return;
      // An agent had begun it, and is gone.
      case 'target-queued':
        this.#end(event);
        return;
      case 'target-held':
        this.#turn(event, 'waiting');
        return;
      case 'target-resumed':
        this.#turn(event, 'compiled');
        return;
      case 'target-path':
        this.#record(event.target, { path: event.path });
        return;
      case 'target-finished':
        this.#end(event, event.source === 'cache' || event.source === 'remote' ? 'restored' : undefined);
        this.#record(event.target, { finished: event });
        return;
      case 'target-failed':
        this.#end(event, 'failed');
        this.#record(event.target, { failed: event });
        return;
      case 'target-cancelled':
        this.#end(event, 'cancelled');
        this.#record(event.target, { cancelled: true });
        return;
      default:
        return;
    }
  }

  /** Milliseconds from the start to the last recorded event. */
  get duration(): number {
    return Math.max(this.finished?.duration ?? 0, ...this.spans.map(({ to }) => to));
  }

  #begin(
    { target, at }: { target: string; at: number },
    kind: 'lookup' | 'waiting' | 'compiled',
    track: number,
  ): void {
    this.#end({ target, at });
    this.#open.set(target, { track, kind, from: this.#since(at) });
  }

  /** Begins a span of another kind in the same track. */
  #turn(event: { target: string; at: number }, kind: 'waiting' | 'compiled'): void {
    const track = this.#open.get(event.target)?.track;
    if (track !== undefined) this.#begin(event, kind, track);
  }

  /** @param kind default: the kind at its start */
  #end({ target, at }: { target: string; at: number }, kind?: SpanKind): void {
    const open = this.#open.get(target);
    if (open === undefined) return;
    this.#open.delete(target);
    this.spans.push({
      target,
      track: open.track,
      kind: kind ?? open.kind,
      from: open.from,
      to: this.#since(at),
    });
  }

  #record(name: string, more: Partial<TargetRecord>): void {
    const target = this.targets.get(name);
    if (target !== undefined) this.targets.set(name, { ...target, ...more });
  }

  #trackOf(thread: string, name?: string): number {
    const track = this.#tracks.get(thread) ?? this.trackNames.length;
    this.#tracks.set(thread, track);
    if (track === this.trackNames.length) this.trackNames.push(name ?? `worker ${this.#workers++}`);
    return track;
  }

  /** An agent may compile several targets at once, and has a track for each. */
  #trackOfAgent(agent: string): number {
    const busy = new Set([...this.#open.values()].map(({ track }) => track));
    for (let number = 0; ; number++) {
      const track = this.#trackOf(`${agent} ${number}`, agent);
      if (!busy.has(track)) return track;
    }
  }

  #since(at: number): number {
    return Math.max(0, at - (this.started?.at ?? at));
  }
}
