// Targets spread over agents: efficiency against the ideal, cost of a target, time to the first line of output, and what a
// queue holds. The compiler sleeps, so that agents of one core each can be had on a machine with two.
//
//   node bench/programs/agents.ts [--targets 32] [--seconds 5] [--agents 0,1,2,4] [--queued 10000]
//
// Needs a redis-server in PATH. The person's own machine compiles, too, on one core, except where the table says otherwise.
import { execFileSync } from 'node:child_process';
import { parseArgs } from 'node:util';
import { Queue } from 'bullmq';
import { encodeJob } from '../../src/builder/agents/job.ts';
import { KEPT } from '../../src/builder/agents/queue.ts';
import type { BuildEvent } from '../../src/builder/index.ts';
import { generateSigningKey, parseSigningKey } from '../../src/cache/remote/signing.ts';
import { built, Fleet } from '../../test/builder/agents/rig.ts';
import { TestServer } from '../../test/cache/remote/server.ts';

const { values } = parseArgs({
  options: {
    targets: { type: 'string', default: '32' },
    seconds: { type: 'string', default: '5' },
    agents: { type: 'string', default: '0,1,2,4' },
    queued: { type: 'string', default: '10000' },
  },
});
const [targets, seconds, queued] = [values.targets, values.seconds, values.queued].map(Number) as [
  number,
  number,
  number,
];
const cache = await TestServer.open();
const remote = cache.url;

console.log(`${targets} targets of ${seconds} s, agents and the person's machine with one core each`);
console.log('agents | cores | took (s) | ideal (s) | efficiency | added per target (ms) | first line (ms)');
for (const count of values.agents.split(',').map(Number)) await measure(count);
await measureQueue();
await cache.stop();
process.exit(0);

/** Builds everything with so many agents. */
async function measure(count: number): Promise<void> {
  cache.stored.clear();
  const fleet = await Fleet.start({ remote, targets, seconds });
  try {
    const agents = await Promise.all(
      Array.from({ length: count }, (_, index) => fleet.machine(`agent-${index}`).agent(1)),
    );
    const program = fleet.machine('person').build(...(count === 0 ? ['--no-agents'] : []));
    const result = await built(program);
    if (result.compiled !== targets || fleet.runs.length !== targets) throw new Error(JSON.stringify(result));
    const { events } = program;
    const began = events.find(({ type }) => type === 'target-missed')!.at;
    const ended = events.filter(({ type }) => type === 'target-finished').at(-1)!.at;
    const cores = count + 1;
    const ideal = Math.ceil(targets / cores) * seconds;
    const took = (ended - began) / 1000;
    const first = firstLines(program.arrived, events);
    const added = ((took - ideal) * 1000) / Math.ceil(targets / cores);
    console.log(
      [
        count,
        cores,
        took.toFixed(1),
        ideal,
        `${((100 * ideal) / took).toFixed(0)} %`,
        added.toFixed(0),
        first,
      ].join(' | '),
    );
    for (const agent of agents) agent.kill('SIGTERM');
    await Promise.all(agents.map(agent => agent.status()));
  } finally {
    await fleet.stop();
  }
}

/** The median time from the begin of a compile elsewhere to its first line, as it arrives at the person's terminal. */
function firstLines(arrived: ReadonlyMap<BuildEvent, number>, events: readonly BuildEvent[]): string {
  const times: number[] = [];
  for (const event of events) {
    if (event.type !== 'target-compiling' || event.agent === undefined) continue;
    const line = events.find(other => other.type === 'target-output' && other.target === event.target);
    if (line !== undefined) times.push(arrived.get(line)! - event.at);
  }
  const sorted = times.sort((a, b) => a - b);
  return sorted.length === 0 ? '-' : `${sorted[sorted.length >> 1]} (at most ${sorted.at(-1)})`;
}

/** What Redis needs for many waiting targets. */
async function measureQueue(): Promise<void> {
  const fleet = await Fleet.start({ remote, targets: 0, seconds: 0 });
  const queue = new Queue('glovebox-command-0123456789abcdef', { connection: { url: fleet.redis.url } });
  const key = parseSigningKey(generateSigningKey().privateKey);
  const memory = () => rssOf(fleet.redis.pid!);
  const before = memory();
  const begun = performance.now();
  for (let index = 0; index < queued; index += 100) {
    const jobs = Array.from({ length: 100 }, (_, offset) => {
      const lease = (index + offset).toString(16).padStart(64, '0');
      const name = `corne_left-nice_nano_v2-zmk-${index + offset}`;
      const data = encodeJob(
        {
          target: { board: 'nice_nano_v2', shield: 'corne_left', artifactName: name } as never,
          ...{ kind: 'container', base: lease, lease, inputs: lease },
          places: { config: '', directory: '' },
          settings: { configPath: 'config' },
        },
        'person@machine',
        key,
      );
      return { name, data, opts: { jobId: `job-${index + offset}`, deduplication: { id: lease }, ...KEPT } };
    });
    await queue.addBulk(jobs);
  }
  const took = performance.now() - begun;
  const [sample] = await queue.getWaiting(0, 0);
  const bytes = JSON.stringify(sample?.data).length;
  console.log(
    `\n${queued} waiting targets: ${(took / queued).toFixed(2)} ms each to add, ${bytes} bytes of data each, Redis ${((memory() - before) / queued).toFixed(2)} KB each (${((memory() - before) / 1024).toFixed(0)} MB in all)`,
  );
  await queue.close();
  await fleet.stop();
}

/** KiB. */
function rssOf(pid: number): number {
  return Number(execFileSync('ps', ['-o', 'rss=', '-p', String(pid)], { encoding: 'utf8' }));
}
