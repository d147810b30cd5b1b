// Events of a watched build, awaited in order.
import type { BuildEvent, BuildListener } from '../../../src/builder/events.ts';
import type { EventOf } from '../project.ts';

type Type = BuildEvent['type'];

/** Milliseconds after which waiting for an event fails the test, so that it does not hang. */
const PATIENCE = 60_000;

export class WatchedEvents {
  readonly events: BuildEvent[] = [];
  readonly done: Promise<void>;
  /** Index of the first event that was not awaited yet. */
  #seen = 0;
  #look: (() => void) | undefined;

  /** @param watch starts the build; resolves when it has stopped */
  constructor(watch: (onEvent: BuildListener) => Promise<void>) {
    this.done = watch(event => {
      this.events.push(event);
      this.#look?.();
    });
    this.done.catch(() => this.#look?.());
  }

  /** The next event of a type, of one target or of all, after the last awaited one. */
  async next<T extends Type>(type: T, target?: string): Promise<EventOf<T>> {
    let timer: NodeJS.Timeout | undefined;
    try {
      return await new Promise((resolve, reject) => {
        this.#look = () => {
          const index = this.events.findIndex(
            (event, at) =>
              at >= this.#seen &&
              event.type === type &&
              (!target || ('target' in event && event.target === target)),
          );
          if (index < 0) return;
          this.#seen = index + 1;
          resolve(this.events[index] as EventOf<T>);
        };
        const waited = `${type} of ${target ?? 'any target'}`;
        timer = setTimeout(
          () => reject(new Error(`No ${waited} after ${JSON.stringify(this.events)}`)),
          PATIENCE,
        );
        this.done.then(() => reject(new Error(`The watch ended without ${waited}.`)), reject);
        this.#look();
      });
    } finally {
      clearTimeout(timer);
      this.#look = undefined;
    }
  }

  /** All events of a type so far. */
  of<T extends Type>(type: T): EventOf<T>[] {
    return this.events.filter((event): event is EventOf<T> => event.type === type);
  }
}
