// Order in which targets that share objects compile them: all at once; one ahead of all others; one ahead of those that
// were never built, as `glovebox build` does, with its own schedule; or all at once, each beginning at another object.
// "Not shared" is all at once with objects of their own. A model in virtual time, because such orders cannot be compared on
// a machine that others use as well: Ninja, ccache and cores are modelled, and take as long as in real builds. It prints the
// same on every machine.
//
//   node bench/programs/target-order.ts [--targets 2,4,8] [--cores 2,8] [--objects 272] [--seed 1]
//
// CPU times are those of `cradio_left` and `cradio_right` (ZMK of 2024 on Zephyr 3.2, ccache without its direct mode).
// Between the halves of a keyboard 83 % of the objects are the same, between keyboards 64 %.
import { setImmediate as turn } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import type { Target } from '../../src/builder/matrix/target.ts';
import { FamilySchedule } from '../../src/builder/workers/family-schedule.ts';

const ORDERS = ['not shared', 'all at once', 'one ahead', 'one new one ahead', 'by object'] as const;
type Order = (typeof ORDERS)[number];

// In seconds.
const CONFIGURING = 3.3;
const PREPROCESSING = 0.085;
const COMPILING = 0.185;
const LINKING = 4;
/** What a program runs before another one has its turn on the core. */
const SLICE = 0.05;
/** By how much a step may take longer or shorter in another target, as a share of it. */
const JITTER = 0.2;

const { values } = parseArgs({
  options: {
    targets: { type: 'string', default: '2,4,8' },
    cores: { type: 'string', default: '2,8' },
    objects: { type: 'string', default: '272' },
    seed: { type: 'string', default: '1' },
  },
});
const numbers = (list: string) => list.split(',').map(Number);
const objects = Number(values.objects);

/** Cores in virtual time: programs that run have them in turns. */
class Machine {
  now = 0;
  /** Seconds for which any core was busy. */
  used = 0;
  #free: number;
  readonly #waiting: (() => void)[] = [];
  readonly #events: { at: number; resolve: () => void }[] = [];

  constructor(cores: number) {
    this.#free = cores;
  }

  /** Resolves when a program has run for so many seconds. */
  async run(seconds: number): Promise<void> {
    this.used += seconds;
    for (let left = seconds; left > 0; left -= SLICE) {
      if (this.#free > 0) this.#free--;
      else await new Promise<void>(resolve => this.#waiting.push(resolve));
      const at = this.now + Math.min(SLICE, left);
      await new Promise<void>(resolve => this.#events.push({ at, resolve }));
      const next = this.#waiting.shift();
      if (next === undefined) this.#free++;
      else next();
    }
  }

  /** Lets time pass until `work` is done. */
  async pass(work: Promise<unknown>): Promise<void> {
    let isDone = false;
    void work.finally(() => {
      isDone = true;
    });
    for (;;) {
      await turn();
      if (isDone) return;
      this.now = Math.min(...this.#events.map(({ at }) => at));
      const due = this.#events.filter(({ at }) => at <= this.now);
      this.#events.splice(0, Infinity, ...this.#events.filter(({ at }) => at > this.now));
      for (const { resolve } of due) resolve();
    }
  }
}

function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff;
    return state / 0x80000000;
  };
}

/** Halves of keyboards, all of one board. */
function targetsOf(count: number): Target[] {
  return Array.from({ length: count }, (_, index) => ({
    board: 'board',
    artifactName: `keyboard${index >> 1} ${index % 2 === 0 ? 'left' : 'right'}`,
  }));
}

/** What an object is known by in ccache. */
function keyOf({ artifactName }: Target, object: number): string {
  // Spread, as in a real build.
  const place = (object * 37) % 100;
  const owner = place < 64 ? 'board' : place < 83 ? artifactName.split(' ')[0] : artifactName;
  return `${owner} ${object}`;
}

interface Run {
  seconds: number;
  cpu: number;
  missed: number;
}

/** Builds targets in one order. `known` ones were built before: ccache has their objects. */
async function build(targets: Target[], cores: number, order: Order, known: Target[]): Promise<Run> {
  const allObjects = Array.from({ length: objects }, (_, object) => object);
  const key = (target: Target, object: number) =>
    order === 'not shared' ? `${target.artifactName} ${object}` : keyOf(target, object);
  const ccache = new Set(known.flatMap(target => allObjects.map(object => key(target, object))));
  const machine = new Machine(cores);
  const random = randomOf(Number(values.seed));
  const threads = Math.min(cores, targets.length);
  const schedule = new FamilySchedule({ cores, threads, targets });
  let missed = 0;
  const step = (seconds: number) => machine.run(seconds * (1 + JITTER * (2 * random() - 1)));
  const compile = async (target: Target, object: number) => {
    await step(PREPROCESSING);
    if (ccache.has(key(target, object))) return;
    missed++;
    await step(COMPILING);
    ccache.add(key(target, object));
  };
  const make = async (target: Target) => {
    await step(CONFIGURING);
    const waits = order === 'one ahead' || (order === 'one new one ahead' && !known.includes(target));
    const jobs = waits ? await schedule.enter(target, () => {}) : Math.max(1, Math.floor(cores / threads));
    const first =
      order === 'by object' ? Math.floor((targets.indexOf(target) * objects) / targets.length) : 0;
    const queue = allObjects.map(object => (first + object) % objects).values();
    const job = async () => {
      for (const object of queue) await compile(target, object);
    };
    await Promise.all(Array.from({ length: jobs }, job));
    await step(LINKING);
    schedule.leave(target, true);
  };
  const queue = targets.values();
  const thread = async () => {
    for (const target of queue) await make(target);
  };
  await machine.pass(Promise.all(Array.from({ length: threads }, thread)));
  return { seconds: machine.now, cpu: machine.used, missed };
}

console.log(
  `| cores | targets | ccache | ${ORDERS.map(order => `${order}: s, CPU s, missed`).join(' | ')} |`,
);
console.log(`|---|---|---|${ORDERS.map(() => '---').join('|')}|`);
for (const cores of numbers(values.cores)) {
  for (const count of numbers(values.targets)) {
    const targets = targetsOf(count);
    // Nothing, everything, or the first half of the targets.
    const known: Record<string, Target[]> = { cold: [], warm: targets, mixed: targets.slice(0, count / 2) };
    for (const [state, before] of Object.entries(known)) {
      const cells: string[] = [];
      for (const order of ORDERS) {
        const { seconds, cpu, missed } = await build(targets, cores, order, before);
        cells.push(`${seconds.toFixed(0)}, ${cpu.toFixed(0)}, ${missed}`);
      }
      console.log(`| ${cores} | ${count} | ${state} | ${cells.join(' | ')} |`);
    }
  }
}
