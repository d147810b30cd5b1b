// Event sink: passes the events of a build or a watch to the caller's function, until that function throws.
import type { BuildEvent, EventBody } from './events.ts';

/** Stamps events with their time and passes them on. The first unexpected error ends the events and stops the work. */
export class EventSink {
  readonly #onEvent: (event: BuildEvent) => void;
  readonly #stop: AbortController;
  #bug: { error: unknown } | undefined;

  /** @param stop aborted on an unexpected error */
  constructor(onEvent: (event: BuildEvent) => void, stop: AbortController) {
    this.#onEvent = onEvent;
    this.#stop = stop;
  }

  emit(event: EventBody): void {
    if (this.#bug) return;
    try {
      this.#onEvent({ at: Date.now(), ...event });
    } catch (error) {
      this.stopFor(error);
    }
  }

  /** Stops the work for an unexpected error. {@link throwBug} rethrows it once everything is stopped and cleaned up. */
  stopFor(error: unknown): void {
    this.#bug ??= { error };
    this.#stop.abort();
  }

  /** Throws the error that stopped the work, if any. */
  throwBug(): void {
    if (this.#bug) throw this.#bug.error;
  }
}
