// Log of a target that is compiled on another machine, in this machine's words.
import { createWriteStream, type WriteStream } from 'node:fs';
import type { JobMessage } from './job.ts';

/** The log of a target that is compiled elsewhere: its lines, as they arrive. */
export class TargetLog {
  readonly #name: () => string;
  #stream: WriteStream | undefined;
  file: string | undefined;
  /** The directories of the machine that compiles. */
  roots: JobMessage['roots'];

  constructor(name: () => string) {
    this.#name = name;
  }

  /** Begins anew, for another attempt. */
  restart(roots: JobMessage['roots']): void {
    this.roots = roots;
    this.#stream?.end();
    this.#stream = undefined;
  }

  open(): string {
    this.file = this.#name();
    this.#stream = createWriteStream(this.file, { mode: 0o600 });
    // A log that cannot be written does not stop a build.
    this.#stream.on('error', () => {});
    return this.file;
  }

  write(line: string): void {
    this.#stream?.write(`${line}\n`);
  }

  async close(): Promise<void> {
    const stream = this.#stream;
    this.#stream = undefined;
    if (stream === undefined || stream.destroyed) return;
    await new Promise<void>(resolve => {
      stream.once('error', () => resolve());
      stream.end(() => resolve());
    });
  }
}

/** Replaces the directories of another machine by those of this one. */
export function translated(
  text: string,
  theirs: JobMessage['roots'],
  ours: NonNullable<JobMessage['roots']>,
): string {
  if (theirs === undefined) return text;
  const pairs = [
    [theirs.log, ours.log],
    [theirs.inputs, ours.inputs],
    [theirs.workspace, ours.workspace],
  ];
  return pairs.reduce(
    (done, [their, our]) => (their === undefined || our === undefined ? done : done.replaceAll(their, our)),
    text,
  );
}
