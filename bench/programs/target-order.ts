// Order in which targets that share objects compile them: all at once, one ahead of the others (as `glovebox build` does),
// or all at once, each beginning at another object. With the real Ninja and ccache; the compiler sleeps, and only as many
// as there are cores do so at once, so that the order counts and not the load of the machine.
//
//   node bench/programs/target-order.ts [--targets 2,4,8] [--cores 2,8] [--rounds 1] [--objects 68] [--slower 1]
//     [--states cold,warm,mixed]
//
// Between the halves of a keyboard 85 % of the objects are the same, between keyboards 64 %. Times are estimates from totals of
// real builds (ZMK of 2024 on Zephyr 3.2, 272 objects): 0.15 s for preprocessing an object, 0.12 s for compiling it, and for
// each object of a target 15 ms of configuring and 11 ms of linking. `--slower 4` makes all of them four times as long, so
// that a busy machine matters less.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  closeSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import type { Target } from '../../src/builder/matrix/target.ts';
import { readCcacheStatistics } from '../../src/builder/toolchains/zephyr/ccache-statistics.ts';
import { FamilySchedule } from '../../src/builder/workers/family-schedule.ts';
import { median } from '../statistics.ts';

const ORDERS = ['all at once', 'one ahead', 'by object'] as const;
type Order = (typeof ORDERS)[number];

const PREPROCESSING_S = 0.15;
const COMPILING_S = 0.12;
/** For each object. */
const CONFIGURING_S = 0.015;
const LINKING_S = 0.011;

const { values } = parseArgs({
  options: {
    targets: { type: 'string', default: '2,4,8' },
    cores: { type: 'string', default: '2,8' },
    rounds: { type: 'string', default: '1' },
    objects: { type: 'string', default: '68' },
    slower: { type: 'string', default: '1' },
    states: { type: 'string', default: 'cold,warm,mixed' },
  },
});
const numbers = (list: string) => list.split(',').map(Number);
const objects = Number(values.objects);
const slower = Number(values.slower);
const root = mkdtempSync(path.join(os.tmpdir(), 'target-order-'));
const at = (name: string) => path.join(root, name);

// Steps take a token, which is a line in a pipe, sleep and give it back. What an object becomes depends on its source and,
// by the first word of that, on a header of the keyboard or the target.
const COMPILER = `#!/bin/sh
step() { read -r _ <"$TOKENS"; sleep "$1"; echo >"$TOKENS"; }
[ "$1" = step ] && { [ "$2" = 0 ] || step "$2"; exit; }
out=/dev/stdout source= seconds=$COMPILING
while [ $# -gt 0 ]; do
  case $1 in -E) seconds=$PREPROCESSING ;; -o) shift; out=$1 ;; *.c) source=$1 ;; esac
  shift
done
[ "$seconds" = 0 ] || step "$seconds"
read -r kind _ <"$source"
cat "$source" "$kind.h" >"$out"
`;

writeFileSync(at('cc'), COMPILER, { mode: 0o755 });
mkdirSync(at('source'));
for (let index = 0; index < objects; index++) {
  // Spread, as in a real build, and not one kind after the other.
  const place = (index * 37) % 100;
  const kind = place < 64 ? 'common' : place < 85 ? 'keyboard' : 'target';
  writeFileSync(at(`source/${index}.c`), `${kind} ${index}\n`);
}

/** Targets of one board: the halves of keyboards. */
function targetsOf(count: number): Target[] {
  return Array.from({ length: count }, (_, index) => ({
    board: 'board',
    artifactName: `keyboard${index >> 1}_${index % 2 === 0 ? 'left' : 'right'}`,
  }));
}

interface Run {
  seconds: number;
  missed: number;
  found: number;
}

/** Builds targets in one order; the ccache directory stays. */
async function build(
  targets: Target[],
  cores: number,
  order: Order,
  ccache: string,
  factor = slower,
): Promise<Run> {
  const work = mkdtempSync(at('build-'));
  const tokens = path.join(work, 'tokens');
  await run('mkfifo', [tokens]);
  const pipe = openSync(tokens, 'r+');
  writeSync(pipe, '\n'.repeat(cores));
  const seconds = (one: number) => String(one * factor);
  const environment = {
    ...{ PATH: process.env.PATH, TOKENS: tokens },
    ...{ PREPROCESSING: seconds(PREPROCESSING_S), COMPILING: seconds(COMPILING_S) },
    ...{ CCACHE_DIR: ccache, CCACHE_NODIRECT: '1', CCACHE_COMPILERTYPE: 'gcc', CCACHE_COMPILERCHECK: 'none' },
    CCACHE_STATSLOG: path.join(work, 'statistics'),
  };
  const threads = Math.min(cores, targets.length);
  const schedule = new FamilySchedule({ cores, threads, targets });
  const compile = async (target: Target) => {
    const index = targets.indexOf(target);
    const directory = path.join(work, target.artifactName);
    mkdirSync(directory);
    const keyboard = target.artifactName.replace(/_.*/, '');
    writeFileSync(path.join(directory, 'common.h'), '');
    writeFileSync(path.join(directory, 'keyboard.h'), `${keyboard}\n`);
    writeFileSync(path.join(directory, 'target.h'), `${target.artifactName}\n`);
    const first = order === 'by object' ? Math.floor((index * objects) / targets.length) : 0;
    writeFileSync(path.join(directory, 'build.ninja'), manifest(first, seconds(objects * LINKING_S)));
    await run(at('cc'), ['step', seconds(objects * CONFIGURING_S)], directory, environment);
    const jobs =
      order === 'one ahead'
        ? await schedule.enter(target, () => {})
        : Math.max(1, Math.floor(cores / threads));
    await run('ninja', ['--quiet', `-j${jobs}`], directory, environment);
    schedule.leave(target, true);
  };
  const began = performance.now();
  const queue = targets.values();
  const worker = async () => {
    for (const target of queue) await compile(target);
  };
  await Promise.all(Array.from({ length: threads }, worker));
  const took = (performance.now() - began) / 1000;
  const { missed, preprocessed } = readCcacheStatistics(environment.CCACHE_STATSLOG)!;
  if (missed + preprocessed !== targets.length * objects)
    throw new Error('ccache has not seen every object.');
  closeSync(pipe);
  rmSync(work, { recursive: true });
  return { seconds: took, missed, found: preprocessed };
}

/** @param first the object whose turn is first: Ninja goes by the order of statements */
function manifest(first: number, linking: string): string {
  const names = Array.from({ length: objects }, (_, index) => (first + index) % objects);
  return [
    `rule compile\n  command = ccache ${at('cc')} -c $in -o $out`,
    `rule link\n  command = ${at('cc')} step ${linking} && cat $in > $out`,
    ...names.map(index => `build ${index}.o: compile ${at(`source/${index}.c`)}`),
    `build firmware: link ${[...names.keys()].map(index => `${index}.o`).join(' ')}`,
    '',
  ].join('\n');
}

async function run(
  command: string,
  args: string[],
  cwd = root,
  env: NodeJS.ProcessEnv = process.env,
): Promise<void> {
  const [code] = await once(
    spawn(command, args, { cwd, env, stdio: ['ignore', 'ignore', 'inherit'] }),
    'exit',
  );
  if (code !== 0) throw new Error(`${command} ended with ${code}`);
}

console.log(
  `${os.availableParallelism()} cores, load ${os.loadavg()[0]!.toFixed(1)}; ${objects} objects per target`,
);
console.log(`\n| cores | targets | ccache | ${ORDERS.map(order => `${order}: s (missed)`).join(' | ')} |`);
console.log(`|---|---|---|${ORDERS.map(() => '---').join('|')}|`);
for (const cores of numbers(values.cores)) {
  for (const count of numbers(values.targets)) {
    const targets = targetsOf(count);
    // What ccache has before: nothing, everything, or the first half of the targets.
    const known: Record<string, Target[]> = { cold: [], warm: targets, mixed: targets.slice(0, count / 2) };
    for (const state of values.states.split(',')) {
      const before = mkdtempSync(at('ccache-'));
      if (known[state]!.length > 0) await build(known[state]!, 4, 'one ahead', before, 0);
      const runs = new Map<Order, Run[]>(ORDERS.map(order => [order, []]));
      for (let round = 0; round < Number(values.rounds); round++) {
        for (const order of ORDERS) {
          const ccache = mkdtempSync(at('ccache-'));
          cpSync(before, ccache, { recursive: true });
          runs.get(order)!.push(await build(targets, cores, order, ccache));
          rmSync(ccache, { recursive: true });
        }
      }
      const cells = ORDERS.map(order => {
        const of = runs.get(order)!;
        return `${median(of.map(({ seconds }) => seconds)).toFixed(1)} (${median(of.map(({ missed }) => missed))})`;
      });
      console.log(`| ${cores} | ${count} | ${state} | ${cells.join(' | ')} |`);
    }
  }
}
rmSync(root, { recursive: true, force: true });
