// Reads the logs of one process while they grow.
import { type FileHandle, open, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { StringDecoder } from 'node:string_decoder';
import type { Line } from './log-lines.ts';

interface Log {
  writer: string;
  file: FileHandle;
  decoder: StringDecoder;
  /** The beginning of a line whose end is still missing. */
  rest: string;
}

const CHUNK = 1 << 18;

export class LogDirectory {
  readonly #directory: string;
  readonly #process: string;
  readonly #keep: boolean;
  readonly #logs = new Map<string, Log>();
  readonly #chunk = Buffer.allocUnsafe(CHUNK);
  /** Ends of threads, as another thread recorded them; see {@link read}. */
  #ends: [writer: string, line: Line][] = [];

  constructor(directory: string, process: string, keep: boolean) {
    this.#directory = directory;
    this.#process = process;
    this.#keep = keep;
  }

  /**
   * Returns every line that was added since the last call, in order within each file. The end of a thread is returned
   * only with the next call: by then its own file has been read to its end.
   */
  async read(take: (writer: string, line: Line) => void): Promise<void> {
    const ends = this.#ends;
    this.#ends = [];
    for (const name of await readdir(this.#directory)) {
      let log = this.#logs.get(name);
      if (!log) {
        const file = await open(join(this.#directory, name));
        const writer = `${this.#process}/${name.replace(/\.log$/, '')}`;
        log = { writer, file, decoder: new StringDecoder('utf8'), rest: '' };
        this.#logs.set(name, log);
      }
      await this.#readOne(log, (writer, line) => {
        if ('ended' in line) this.#ends.push([writer, line]);
        else take(writer, line);
      });
    }
    for (const [writer, line] of ends) take(writer, line);
  }

  async #readOne(log: Log, take: (writer: string, line: Line) => void): Promise<void> {
    for (;;) {
      const { bytesRead } = await log.file.read(this.#chunk, 0, CHUNK);
      if (bytesRead === 0) return;
      const lines = (log.rest + log.decoder.write(this.#chunk.subarray(0, bytesRead))).split('\n');
      log.rest = lines.pop()!;
      for (const line of lines) take(log.writer, JSON.parse(line) as Line);
    }
  }

  /** The process has ended and its lines were read: a partial line is never completed. */
  async close(): Promise<void> {
    for (const { file } of this.#logs.values()) await file.close();
    if (!this.#keep) await rm(this.#directory, { recursive: true, force: true });
  }
}
