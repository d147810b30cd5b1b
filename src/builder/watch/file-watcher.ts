// File watcher: reports that some file may have changed. The listener has to check which, and whether it matters.
import { existsSync, type Stats } from 'node:fs';
import path from 'node:path';
import type { FSWatcher } from 'chokidar';
import { isEditorLeftover } from '../inputs/input-reader.ts';

export interface FileWatcherOptions {
  /** Called when anything is created, written, replaced or removed, often more than once. */
  onChange: () => void;
  /** Called if the system cannot watch, or no longer can, for example because it has run out of watches. */
  onError: (error: Error) => void;
}

/** The watched paths. All are absolute. */
export interface Watched {
  /**
   * The directory that is watched recursively, except for entries that belong to builds and tools: names that begin
   * with a dot, `node_modules`, CMake's build directories, and other repositories (a config directory may be in the
   * middle of its west workspace).
   */
  tree: string;
  /** Directories below `tree` that are not watched, because builds write to them. */
  except: readonly string[];
  /** Files that are watched in any case. */
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
   * Replaces the watched paths. Once it resolves, every later change is noticed. Resolves to whether the watched paths
   * differ from before.
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
    // Loaded on demand: most builds do not watch.
    const { watch } = await import('chokidar');
    const isInTree = (file: string) => file.startsWith(tree + path.sep);
    // Watched through their directories, because a file that is removed and created again is a new one.
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
      // The watcher reads nothing itself; a replaced file is checked once the burst is over.
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

/** Whether a directory is the top of another repository or of a build directory. */
function isRoot(directory: string): boolean {
  return existsSync(path.join(directory, '.git')) || existsSync(path.join(directory, 'CMakeCache.txt'));
}
