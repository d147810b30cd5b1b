// The chaos run: processes and threads use one cache root at random and are killed at random, and a checker proves
// from what each of them logged that nothing acknowledged was lost and nothing wrong was returned.
//
//   node test/chaos/main.ts --minutes 1 --seed 7 [--processes 3] [--threads 2] [--directory D] [--keep]
import { mkdirSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { Checker } from './checker.ts';
import { inspectFiles, readEverything } from './final-check.ts';
import { now } from './log-lines.ts';
import { Migrations } from './migrations.ts';
import { Nemesis, type Plan } from './nemesis.ts';
import { describeViolation, type Report } from './violation.ts';

// A run with one violation tends to have many: the first ones tell why.
const SHOWN = 20;

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '1' },
    seed: { type: 'string' },
    processes: { type: 'string', default: '3' },
    threads: { type: 'string', default: '2' },
    directory: { type: 'string' },
    keep: { type: 'boolean', default: false },
  },
});

const plan: Plan = {
  seed: values.seed === undefined ? Math.floor(Math.random() * 1e6) : number('seed', values.seed),
  minutes: number('minutes', values.minutes),
  processes: number('processes', values.processes),
  threads: number('threads', values.threads),
  directory: values.directory === undefined ? '' : resolve(values.directory),
  keep: values.keep,
};
if (plan.directory === '') plan.directory = await mkdtemp(join(tmpdir(), 'glovebox-chaos-'));
else mkdirSync(plan.directory, { recursive: true });

console.log(
  `chaos: seed ${plan.seed}, ${plan.minutes} min, ${plan.processes} processes with ${plan.threads} worker threads each, in ${plan.directory}`,
);

let shown = 0;
const checker = new Checker(violation => {
  if (shown++ < SHOWN) console.log(`\nVIOLATION ${describeViolation(violation)}`);
});
const nemesis = new Nemesis(plan, checker);
const report: Report = (...found) => checker.report(...found);
const migrations = new Migrations(join(plan.directory, 'old'), plan.seed, report);
await Promise.all([nemesis.run(), migrations.run(now() + plan.minutes * 60_000)]);
await readEverything(plan.directory, checker);
checker.finish();
await inspectFiles(join(plan.directory, 'cache'), report);

const { operations, acknowledged, produced, terminated, undecided } = checker.totals;
const { started, kills, stops, longStops } = nemesis.faults;
console.log(
  [
    '',
    `seed                ${plan.seed}`,
    `processes           ${plan.processes} at a time, ${started} in all`,
    `threads             ${plan.processes * (plan.threads + 1)} at a time`,
    `operations          ${operations}`,
    `acknowledged        ${acknowledged}`,
    `produced values     ${produced}`,
    `processes killed    ${kills}`,
    `threads terminated  ${terminated}`,
    `processes stopped   ${stops} (${longStops} beyond the stale time)`,
    `caches migrated     ${migrations.deeds.migrated} (${migrations.deeds.killed} with a process killed meanwhile)`,
    `keys given up       ${undecided}`,
    `violations          ${checker.violations.length}`,
  ].join('\n'),
);
const isClean = checker.violations.length === 0;
if (!plan.keep && isClean) await rm(plan.directory, { recursive: true, force: true });
else console.log(`Everything is kept in ${plan.directory}.`);
process.exit(isClean ? 0 : 1);

function number(name: string, text: string): number {
  const value = Number(text);
  if (Number.isFinite(value) && value >= 0) return value;
  console.error(`--${name} is a number; got '${text}'.`);
  process.exit(2);
}
