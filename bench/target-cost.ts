// Cost per target, compared between two checkouts: from the cache, and compiled by a compiler that takes almost no
// time.
//
//   node bench/target-cost.ts OTHER_CHECKOUT [--targets 16] [--rounds 15]
//
// Both must be built (`node bundle.ts`). They are measured in turn, each in a process that stays. Reports wall time,
// and the processor time of the process and its threads, without the compilers.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import type * as Builder from '../src/builder/index.ts';
import { BuildProject } from './build-project.ts';
import { median } from './statistics.ts';

interface Cost {
  /** Milliseconds. */
  wall: number;
  cpu: number;
}

const KINDS = ['cached', 'compiled'] as const;
type Kind = (typeof KINDS)[number];

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { targets: { type: 'string', default: '16' }, rounds: { type: 'string', default: '15' } },
  });
  const own = fileURLToPath(new URL('..', import.meta.url));
  const [other] = positionals;
  if (other === undefined) throw new Error('Name the checkout to compare with.');
  const targets = Number(values.targets);
  const root = await mkdtemp(join(tmpdir(), 'target-cost-'));
  const subjects = await Promise.all([resolve(other), own].map(tree => Subject.start(tree, root, targets)));
  try {
    for (let round = 0; round <= Number(values.rounds); round++) {
      for (const kind of ['compiled', 'cached'] as const) {
        // The order alternates, so that each is first equally often.
        for (const subject of round % 2 === 0 ? subjects : subjects.toReversed()) {
          await subject.measure(kind, round);
        }
      }
    }
  } finally {
    for (const subject of subjects) subject.stop();
    await rm(root, { recursive: true, force: true });
  }
  for (const kind of KINDS) {
    for (const what of ['wall', 'cpu'] as const) {
      const [before, after] = subjects.map(({ costs }) => costs[kind].map(cost => cost[what] / targets));
      const ratio = median(after!.map((value, round) => value / before![round]!));
      const [shownBefore, shownAfter] = [before!, after!].map(all => median(all).toFixed(2));
      console.log(`${kind}, ${what}: ${shownBefore} -> ${shownAfter} ms a target, ratio ${ratio.toFixed(2)}`);
    }
  }
}

class Subject {
  readonly costs: Record<Kind, Cost[]> = { cached: [], compiled: [] };
  readonly #project: BuildProject;
  readonly #child: ReturnType<typeof fork>;

  private constructor(project: BuildProject, child: ReturnType<typeof fork>) {
    this.#project = project;
    this.#child = child;
  }

  static async start(tree: string, root: string, targets: number): Promise<Subject> {
    const project = await BuildProject.create(await mkdtemp(join(root, 'project-')), targets);
    const child = fork(fileURLToPath(import.meta.url), [tree, project.directory], {
      env: {
        PATH: process.env.PATH,
        HOME: root,
        GLOVEBOX_CACHE_DIR: `${project.directory}-caches`,
        TARGET_COST: '1',
      },
    });
    return new Subject(project, child);
  }

  async measure(kind: Kind, round: number): Promise<void> {
    await this.#project.removeFirmware();
    if (kind === 'compiled') {
      for (let index = 0; index < this.#project.targets; index++) await this.#project.edit(index, round);
    }
    this.#child.send(kind);
    const [cost] = (await once(this.#child, 'message')) as [Cost];
    // The first build loads code.
    if (round > 0) this.costs[kind].push(cost);
  }

  stop(): void {
    this.#child.kill();
  }
}

/** Builds on each message. */
async function child([tree, configDirectory]: string[]): Promise<void> {
  const index = pathToFileURL(join(tree!, 'dist/src/builder/index.js')).href;
  const { build } = (await import(index)) as typeof Builder;
  process.on('message', async (kind: Kind) => {
    const cpu = process.cpuUsage();
    const started = performance.now();
    const summary = await build({ configDirectory: configDirectory!, onEvent: () => {} });
    const wall = performance.now() - started;
    const { user, system } = process.cpuUsage(cpu);
    if (summary[kind] === 0 || summary.failed > 0) throw new Error(`Not ${kind}: ${JSON.stringify(summary)}`);
    process.send!({ wall, cpu: (user + system) / 1000 } satisfies Cost);
  });
}

if (process.env.TARGET_COST) await child(process.argv.slice(2));
else await main();
