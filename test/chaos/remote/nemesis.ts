// Nemesis of the remote cache: it kills and slows the server, makes it answer nonsense, and damages, swaps or removes
// its files, or replaces them by records of a key that is not trusted.
import {
  copyFileSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { openRemoteTier } from '../../../src/cache/remote/open.ts';
import { generateSigningKey } from '../../../src/cache/remote/signing.ts';
import type { Random } from '../random.ts';

export interface NemesisOptions {
  /** The directory of the server's files. */
  directory: string;
  url: string;
  random: Random;
  killServer(): Promise<void>;
  startServer(): Promise<void>;
}

const BEHAVIORS = ['well', 'well', 'well', 'slow', 'silent', 'dribbling', 'failing', 'busy', 'html'];

export class Nemesis {
  /** How often each fault was injected. */
  readonly counts = new Map<string, number>();
  readonly #options: NemesisOptions;
  readonly #stranger = generateSigningKey();

  constructor(options: NemesisOptions) {
    this.#options = options;
  }

  /** Injects one fault. */
  async strike(): Promise<void> {
    const { random } = this.#options;
    const deeds: [name: string, deed: () => void | Promise<void>][] = [
      ['kill and restart', () => this.#restart()],
      ['behave otherwise', () => this.behave(random.pick(BEHAVIORS))],
      ['behave well', () => this.behave('well')],
      ['flip a bit', () => this.#flip()],
      ['cut a file', () => this.#cut()],
      ['swap two files', () => this.#swap()],
      ['lose a file', () => this.#lose()],
      ['write as a stranger', () => this.#writeAsStranger()],
    ];
    const [name, deed] = random.pick(deeds);
    await deed();
    this.counts.set(name, (this.counts.get(name) ?? 0) + 1);
  }

  behave(how: string): void {
    const file = path.join(this.#options.directory, 'behavior');
    writeFileSync(`${file}.new`, how);
    renameSync(`${file}.new`, file);
  }

  async #restart(): Promise<void> {
    await this.#options.killServer();
    await this.#options.startServer();
  }

  #files(kind: 'ac' | 'cas'): string[] {
    const directory = path.join(this.#options.directory, kind);
    return readdirSync(directory).map(name => path.join(directory, name));
  }

  #any(): string | undefined {
    const { random } = this.#options;
    const files = this.#files(random.chance(0.5) ? 'ac' : 'cas');
    return files.length === 0 ? undefined : random.pick(files);
  }

  #flip(): void {
    const file = this.#any();
    if (file === undefined) return;
    const bytes = readFileSync(file);
    if (bytes.length === 0) return;
    const at = this.#options.random.between(0, bytes.length - 1);
    bytes[at] = bytes[at]! ^ (1 << this.#options.random.between(0, 7));
    writeFileSync(file, bytes);
  }

  #cut(): void {
    const file = this.#any();
    if (file !== undefined) truncateSync(file, this.#options.random.between(0, readFileSync(file).length));
  }

  #swap(): void {
    const [one, other] = [this.#any(), this.#any()];
    if (one === undefined || other === undefined || one === other) return;
    copyFileSync(one, `${this.#options.directory}/swapped`);
    copyFileSync(other, one);
    copyFileSync(`${this.#options.directory}/swapped`, other);
  }

  #lose(): void {
    const file = this.#any();
    if (file !== undefined) rmSync(file);
  }

  /** A wrong firmware in which everything is right except the signer. */
  async #writeAsStranger(): Promise<void> {
    const { url, random } = this.#options;
    const records = this.#files('ac');
    const key = path.basename(records.length === 0 ? '' : random.pick(records));
    if (!/^[0-9a-f]{64}$/.test(key)) return;
    const tier = openRemoteTier({
      ...{ url, mode: 'read-write', signingKey: this.#stranger.privateKey, onWarning: () => undefined },
    });
    const files = ['alpha', 'beta', 'gamma', 'delta'].map(name => ({
      name: `${name}.uf2`,
      bytes: Buffer.from('wrong'),
    }));
    const data = { compileDuration: 1, warnings: [] };
    void tier.put(key, { kind: 'firmware', data, files: files.slice(0, 1) });
    await tier.close({ limitMs: 500 });
  }
}
