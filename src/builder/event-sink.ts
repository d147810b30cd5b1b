// Event sink: where a build or a watch says what happens, until the caller's function fails.
import type { BuildEvent, EventBody } from './events.ts';

/** Passes events on with the time they happen at. The first unexpected error ends them, and stops the work. */
export class EventSink {
  readonly #onEvent: (event: BuildEvent) => void;
  readonly #stop: AbortController;
  #bug: { error: unknown } | undefined;

  /** @param stop is aborted for an unexpected error */
  constructor(onEvent: (event: BuildEvent) => void, stop: AbortController) {
    this.#onEvent = onEvent;
    this.#stop = stop;
  }

  /** Whether an unexpected error has ended it. */
  get isBroken(): boolean {
    return this.#bug !== undefined;
  }

  emit(event: EventBody): void {
    if (this.#bug) return;
    try {
      this.#onEvent({ at: Date.now(), ...event });
    } catch (error) {
      this.stopFor(error);
    }
  }

  /** For what nobody expects: {@link throwBug} throws it on when everything is stopped and cleaned up. */
  stopFor(error: unknown): void {
    this.#bug ??= { error };
    this.#stop.abort();
  }

  /** Throws the error that everything was stopped for, if there was one. */
  throwBug(): void {
    if (this.#bug) throw this.#bug.error;
  }
}
