// Chaos run of migrations. Several processes open each database of an older version at once, and one of them is killed
// while it migrates: exactly one migrates it, none does so again later, and no entry is lost.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFile, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { isDeepStrictEqual } from 'node:util';
import Database from 'better-sqlite3';
import { SCHEMA } from '../../src/cache/storage/sqlite/schema.ts';
import { DATABASE_FILE } from '../../src/cache/storage/sqlite/store.ts';
import { createDefaultCache } from '../../src/index.ts';
import { inspectLeftovers, untilLocksAreStale } from './final-check.ts';
import { now } from './log-lines.ts';
import { Random } from './random.ts';
import type { Report } from './violation.ts';

/** An event of a process, or a fault injected into it, and its time. */
export interface Step {
  t: number;
  process: string;
  step: 'migrating' | 'opened' | 'killed';
}

const PROGRAM = fileURLToPath(new URL('./migrator.ts', import.meta.url));
const FIXTURE = fileURLToPath(new URL('../cache/storage/sqlite/fixtures/schema-1.db', import.meta.url));
const PROCESSES = 3;
// The lock of a killed process is stale after 10 s; nothing may take longer than this.
const LIMIT_MS = 45_000;
const NEVER_YET = Date.UTC(2100, 0);

/** Entries of the fixture. */
const CONTENT: Readonly<Record<string, unknown>> = {
  text: 'Grüße',
  bytes: Buffer.from([1, 2, 3]),
  object: { list: [1, 'two'], when: new Date(0), nothing: undefined },
  count: 41,
};

export class Migrations {
  readonly #directory: string;
  readonly #random: Random;
  readonly #report: Report;
  /** Databases that were migrated, and processes that were killed meanwhile. */
  readonly deeds = { migrated: 0, killed: 0 };

  /** `directory` is a cache root for this run only. */
  constructor(directory: string, seed: number, report: Report) {
    this.#directory = directory;
    this.#random = new Random(seed, 'migrations');
    this.#report = report;
  }

  /** One database after another until the time is up, at least one. */
  async run(end: number): Promise<void> {
    do {
      await this.#migrate(`old-${this.deeds.migrated++}`);
      await pause(Math.min(this.#random.between(500, 5000), Math.max(0, end - now())));
    } while (now() < end);
    await this.#inspectLocks();
  }

  async #inspectLocks(): Promise<void> {
    for (let index = 0; index < this.deeds.migrated; index++) {
      const tag = `old-${index}`;
      const directory = join(this.#directory, tag);
      await untilLocksAreStale(directory);
      const cache = createDefaultCache({ cacheRoot: this.#directory, tag });
      await cache.cleanup();
      await cache.close();
      await inspectLeftovers(directory, this.#report);
    }
  }

  async #migrate(tag: string): Promise<void> {
    const random = this.#random;
    const file = await plantOldDatabase(this.#directory, tag);
    const steps: Step[] = [];
    // The length of a migration, and the moment in it, or just after it, at which the first migrating process is
    // killed.
    const takes = random.between(0, 120);
    const after = random.between(0, 2 * takes + 20);
    let killing: Promise<void> | undefined;
    const processes = Array.from({ length: PROCESSES }, (_, index) => {
      const name = `${tag}.${index}`;
      const child = spawn(process.execPath, [PROGRAM, file, String(takes)], {
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      createInterface(child.stdout).on('line', line => {
        const said = JSON.parse(line) as Omit<Step, 'process'>;
        steps.push({ ...said, process: name });
        if (said.step === 'migrating') {
          killing ??= pause(after).then(() => {
            if (child.exitCode !== null) return;
            steps.push({ t: now(), process: name, step: 'killed' });
            this.deeds.killed++;
            child.kill('SIGKILL');
          });
        }
      });
      return { name, child };
    });
    await Promise.all(processes.map(({ name, child }) => this.#untilClosed(name, child, steps)));
    await killing;
    judgeMigration(steps, this.#report);
    await inspectMigrated(this.#directory, tag, this.#report);
  }

  async #untilClosed(name: string, child: ChildProcess, steps: readonly Step[]): Promise<void> {
    let errors = '';
    child.stderr!.setEncoding('utf8').on('data', (text: string) => {
      errors += text;
    });
    const timer = setTimeout(() => {
      this.#report('no-answer', name, `did not open an older database within ${LIMIT_MS} ms`);
      child.kill('SIGKILL');
    }, LIMIT_MS);
    const [status, signal] = (await once(child, 'close')) as [number | null, string | null];
    clearTimeout(timer);
    const isKilled = steps.some(({ process, step }) => process === name && step === 'killed');
    if (status === 0 || isKilled) return;
    this.#report('crash', name, `ended with ${signal ?? `status ${status}`} while opening: ${errors}`);
  }
}

/** Makes a database of version 1 whose entries expire in a while, the database file of a tag. */
export async function plantOldDatabase(root: string, tag: string): Promise<string> {
  const directory = join(root, tag);
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const file = join(directory, DATABASE_FILE);
  await copyFile(FIXTURE, file);
  const database = new Database(file);
  // The change made by the step from version 1: applied twice or not at all, it leaves unreadable entries.
  database.prepare('UPDATE entries SET expires = ?').run(NEVER_YET);
  database.close();
  return file;
}

/** Only one process migrates, unless the one before was killed before it was done. */
export function judgeMigration(steps: readonly Step[], report: Report): void {
  const inOrder = steps.toSorted((a, b) => a.t - b.t);
  const migrating = inOrder.filter(({ step }) => step === 'migrating');
  for (const [index, later] of migrating.entries()) {
    for (const earlier of migrating.slice(0, index)) {
      const ofEarlier = inOrder.filter(({ process }) => process === earlier.process);
      const killed = ofEarlier.find(({ step }) => step === 'killed');
      const hadOpened = ofEarlier.some(({ step }) => step === 'opened');
      if (killed && killed.t <= later.t && !hadOpened) continue;
      const message = `began to migrate at ${later.t}, though ${earlier.process} had at ${earlier.t}`;
      report('second-migration', later.process, message);
    }
  }
}

/** All entries of the older database exist, in one of this version. */
export async function inspectMigrated(root: string, tag: string, report: Report): Promise<void> {
  const database = new Database(join(root, tag, DATABASE_FILE), { readonly: true });
  const version = database.pragma('user_version', { simple: true });
  database.close();
  if (version !== SCHEMA.version) report('lost-in-migration', tag, `it has version ${String(version)}`);
  const cache = createDefaultCache({ cacheRoot: root, tag });
  const { problems } = await cache.check({ repair: false });
  for (const { kind, subject, message } of problems) {
    report('lost-in-migration', `${tag} ${subject}`, `check() found ${kind}: ${message}`);
  }
  for (const [key, value] of Object.entries(CONTENT)) {
    const found = await cache.get(key);
    const expires = (await cache.metadata(key))?.expires;
    if (isDeepStrictEqual(found, value) && expires === NEVER_YET) continue;
    report('lost-in-migration', `${tag} ${key}`, `it is ${String(found)}, until ${expires}`);
  }
  await cache.close();
}
