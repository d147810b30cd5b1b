// Says that some file may have changed; which, and whether it matters, whoever is told finds out by looking.
import { existsSync, type Stats } from 'node:fs';
import path from 'node:path';
import type { FSWatcher } from 'chokidar';
import { isEditorLeftover } from '../incremental/index.ts';

export interface FileWatcherOptions {
  /** Called for whatever is made, written, replaced or removed, often more than once. */
  onChange: () => void;
  /** Called when the system cannot watch (any more), such as when it has no more watches to give. */
  onError: (error: Error) => void;
}

/** What is watched. All paths are absolute. */
export interface Watched {
  /**
   * The directory that is watched with everything below it, except what builds and tools keep there for themselves:
   * names that begin with a dot, `node_modules`, CMake's build directories, and other repositories (a config directory
   * may be in the middle of its west workspace).
   */
  tree: string;
  /** Below `tree` and not watched all the same: where builds write. */
  except: readonly string[];
  /** Watched by all means. */
  files: readonly string[];
}

/** Watches until it is closed. */
export class FileWatcher {
  readonly #options: FileWatcherOptions;
  #watcher: FSWatcher | undefined;
  #key = '';

  constructor(options: FileWatcherOptions) {
    this.#options = options;
  }

  /**
   * Watches this instead of what was watched before. When it resolves, no later change goes unnoticed. Resolves to
   * whether what is watched is not the same as before.
   */
  async set(watched: Watched): Promise<boolean> {
    const key = JSON.stringify(watched);
    if (key === this.#key) return false;
    const before = this.#watcher;
    this.#watcher = await this.#watch(watched);
    this.#key = key;
    await before?.close();
    return true;
  }

  async close(): Promise<void> {
    await this.#watcher?.close();
    this.#watcher = undefined;
    this.#key = '';
  }

  async #watch({ tree, except, files }: Watched): Promise<FSWatcher> {
    const { onChange, onError } = this.#options;
    // Only now: most builds do not watch.
    const { watch } = await import('chokidar');
    const isInTree = (file: string) => file.startsWith(tree + path.sep);
    // By their directories, because a file that is removed and made again is another one.
    const roots = [tree, ...files.filter(file => !isInTree(file)).map(file => path.dirname(file))];
    const wanted = new Set([...roots, ...files]);
    for (const file of files) {
      for (let at = path.dirname(file); isInTree(at); at = path.dirname(at)) wanted.add(at);
    }
    const isOthers = (file: string, stats?: Stats) => {
      if (wanted.has(file)) return false;
      if (!isInTree(file) || except.includes(file) || isEditorLeftover(file)) return true;
      return isToolsOwn(path.basename(file)) || (stats?.isDirectory() === true && isRoot(file));
    };
    const watcher = watch([...new Set(roots)], {
      ignoreInitial: true,
      // Nothing is read here; a file that is replaced is looked at when things have settled.
      atomic: false,
      ignored: isOthers,
    });
    const ready = new Promise<void>(resolve => {
      watcher.once('ready', resolve);
    });
    watcher.on('error', error => onError(error as Error));
    watcher.on('all', () => onChange());
    await ready;
    return watcher;
  }
}

function isToolsOwn(name: string): boolean {
  return name.startsWith('.') || name === 'node_modules';
}

/** The top of another repository, or of a build directory. */
function isRoot(directory: string): boolean {
  return existsSync(path.join(directory, '.git')) || existsSync(path.join(directory, 'CMakeCache.txt'));
}
