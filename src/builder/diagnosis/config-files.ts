// Config files, found by the names in a compiler's messages.
import { type Dirent, realpathSync, statSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { readTextFile, TextFileError } from '../../system/text-file.ts';

// No handwritten source is larger, and no path is deeper.
const MAX_BYTES = 256 * 1024;
const MAX_PARTS = 50;
const MAX_SOURCES = 500;

/** Finds and reads files of one config directory, and no others: a message can name any file on the machine. */
export class ConfigFiles {
  readonly directory: string;

  /** @param directory absolute */
  constructor(directory: string) {
    this.directory = directory;
  }

  /**
   * The absolute path of a file named in a message, or undefined if it does not belong to the config. A build may have
   * used a copy of the config, or a container: then the end of the name decides.
   */
  find(name: string): string | undefined {
    if (name.includes('\0')) return undefined;
    const whole = path.resolve(this.directory, name);
    if (this.#isOurs(whole)) return whole;
    const parts = name
      .split(/[\\/]/)
      .filter(part => part !== '' && part !== '.')
      .slice(-MAX_PARTS);
    if (parts.includes('..')) return undefined;
    for (let from = 0; from < parts.length; from++) {
      const tail = parts.slice(from);
      for (const place of [path.join(...tail), path.join('config', ...tail)]) {
        const file = path.join(this.directory, place);
        if (this.#isOurs(file)) return file;
      }
    }
    return undefined;
  }

  /** The file of the config that another one includes by this name; undefined if it does not belong to the config. */
  beside(from: string, name: string): string | undefined {
    if (name.includes('\0')) return undefined;
    const file = path.resolve(path.dirname(from), name);
    return this.#isOurs(file) ? file : undefined;
  }

  /** Devicetree sources of the config, in the places where builds look for them. */
  async devicetreeSources(): Promise<string[]> {
    const found: string[] = [];
    const entries = await readdir(this.directory, { recursive: true, withFileTypes: true }).catch(
      (): Dirent[] => [],
    );
    for (const entry of entries) {
      if (found.length === MAX_SOURCES) break;
      const file = path.join(entry.parentPath, entry.name);
      if (entry.isFile() && /\.(?:keymap|overlay|dtsi?)$/.test(entry.name) && this.#isOurs(file))
        found.push(file);
    }
    return found.sort();
  }

  /** The lines of a file from {@link find}; empty if it cannot be read. */
  async lines(file: string): Promise<string[]> {
    try {
      return (await readTextFile(file, MAX_BYTES)).split(/\r?\n/);
    } catch (error) {
      if (error instanceof TextFileError) return [];
      throw error;
    }
  }

  #isOurs(file: string): boolean {
    try {
      const real = path.relative(realpathSync(this.directory), realpathSync(file));
      return !real.startsWith('..') && !path.isAbsolute(real) && statSync(file).isFile();
    } catch {
      return false;
    }
  }
}
