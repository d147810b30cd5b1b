// Warnings of a store. Each kind is emitted once: a cache that cannot work must not fill the log of a build.
import { processDescriptors } from '../storage/open-stores.ts';
import { isOutOfFiles } from '../storage/sqlite/connection.ts';
import { formatSize } from '../units.ts';

export class StoreWarnings {
  readonly #tag: string;
  readonly #emitted = new Set<string>();

  constructor(tag: string) {
    this.#tag = tag;
  }

  /** There is no store, for this reason. */
  degraded(reason: string): void {
    this.#emit('open', `The cache '${this.#tag}' cannot be used and everything will miss: ${reason}`);
  }

  detached(): void {
    this.#emit(
      'detached',
      `The database of the cache '${this.#tag}' was removed or replaced while it was open. It is opened anew.`,
    );
  }

  /** The damaged database has this name now. */
  quarantined(name: string): void {
    this.#emit(
      'damaged',
      `The database of the cache '${this.#tag}' was damaged. It was quarantined as ${name}, and a new one was created.`,
    );
  }

  /** Something failed, and the store goes on without it. */
  trouble(error: unknown): void {
    this.#emit(
      'trouble',
      `The cache '${this.#tag}' has trouble and goes on without what failed: ${explain(error)}`,
    );
  }

  /** A value was not stored because it exceeds the size limit of the whole store. */
  tooLarge(key: string, size: number, maxSize: number): void {
    const name = JSON.stringify(key.length > 60 ? `${key.slice(0, 60)}…` : key);
    const isClose = formatSize(size) === formatSize(maxSize);
    const [has, may] = [size, maxSize].map(bytes => (isClose ? `${bytes} bytes` : formatSize(bytes)));
    this.#emit(
      'size',
      `The value of ${name} has ${has}, which is more than the whole cache '${this.#tag}' may have (${may}): it is not stored, and neither is any other as large. Set a larger maxSize, or policy: 'none'.`,
    );
  }

  #emit(kind: string, message: string): void {
    if (this.#emitted.has(kind)) return;
    this.#emitted.add(kind);
    process.emitWarning(message, { type: 'GloveboxWarning', code: 'GLOVEBOX_CACHE' });
  }
}

/** The reason of an error, for a person. */
export function explain(error: unknown): string {
  // SQLite does not say why it cannot open something.
  if (isOutOfFiles(error)) {
    return `too many files are open (EMFILE): this process may have ${processDescriptors.limit}. Raise the limit (ulimit -n), or use fewer caches and threads.`;
  }
  if (!(error instanceof Error)) return String(error);
  // The message names the file.
  const isInTheWay = ['EEXIST', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '');
  return isInTheWay
    ? `a file is in the way of a directory (${error.message}). Move it, or set GLOVEBOX_CACHE_DIR to another directory.`
    : error.message;
}
