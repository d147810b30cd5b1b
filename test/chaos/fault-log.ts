// Log of faults: when processes and threads were stopped, and when the nemesis or a crash began to end them.

export class FaultLog {
  readonly #endings = new Map<string, number>();
  readonly #stops = new Map<string, { from: number; to: number | undefined }[]>();

  /** Something begins to end a process or thread, unless that has begun before. */
  ending(name: string, t: number): void {
    if (!this.#endings.has(name)) this.#endings.set(name, t);
  }

  stopped(process: string, t: number): void {
    this.#stops.set(process, [...(this.#stops.get(process) ?? []), { from: t, to: undefined }]);
  }

  continued(process: string, t: number): void {
    const stop = this.#stops.get(process)?.at(-1);
    if (stop && stop.to === undefined) stop.to = t;
  }

  /** When the end of the thread or its process began; undefined: it has not. */
  endingOf(process: string, thread: string): number | undefined {
    const ends = [this.#endings.get(process), this.#endings.get(thread)].filter(t => t !== undefined);
    return ends.length > 0 ? Math.min(...ends) : undefined;
  }

  /** Milliseconds for which the process was stopped between two times. */
  stoppedFor(process: string, from: number, to: number): number {
    let sum = 0;
    for (const stop of this.#stops.get(process) ?? []) {
      sum += Math.max(0, Math.min(stop.to ?? to, to) - Math.max(stop.from, from));
    }
    return sum;
  }

  /** Forgets the ones that ended before a time. */
  forget(before: number): void {
    for (const [name, t] of this.#endings) {
      if (t >= before) continue;
      this.#endings.delete(name);
      this.#stops.delete(name);
    }
  }
}
