// Chaos run of agents: two people build the same config in changing states on three agents and one queue, while agents are
// killed and stopped, Redis is killed, and people stop their builds. Every target must end exactly once for everyone, with
// the firmware that a local build makes, and no compiler may be left.
//
//   npm run chaos:agents -- --minutes 5 --seed 1
import { rmSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import type { AgentEvent } from '../../../src/builder/agents/agent-events.ts';
import type { BuildEvent } from '../../../src/builder/index.ts';
import { built, compilersBelow, Fleet, type Machine, type Program } from '../../builder/agents/rig.ts';
import { TestServer } from '../../cache/remote/server.ts';
import { Random } from '../random.ts';

const { values } = parseArgs({
  options: { minutes: { type: 'string', default: '1' }, seed: { type: 'string', default: '1' } },
});
const [minutes, seed] = [values.minutes, values.seed].map(Number) as [number, number];
const until = Date.now() + minutes * 60_000;
console.log(`chaos of agents: seed ${seed}, ${minutes} min`);

const TARGETS = 6;
const AGENTS = 3;
/** A build that takes longer hangs. */
const LONGEST_MS = 300_000;
/** Agents are back on the queue, and jobs of killed builds are gone, after this time. */
const RECOVERY_MS = 60_000;
/** Whatever compilers dead agents left has ended after this time. */
const LEFT_MS = 10_000;

const random = new Random('agents', seed);
const cache = await TestServer.open();
const fleet = await Fleet.start({ remote: cache.url, targets: TARGETS, seconds: 1 });
const counts = new Map<string, number>();
const total = {
  builds: 0,
  compiled: 0,
  agents: 0,
  here: 0,
  cached: 0,
  interrupted: 0,
  quiet: 0,
  disturbed: 0,
  longest: 0,
};
const violations: string[] = [];
const hosts = Array.from({ length: AGENTS }, (_, index) => fleet.machine(`agent-${index}`));
const agents = await Promise.all(hosts.map(host => host.agent(1)));
const people = [fleet.machine('alice'), fleet.machine('bob')];
/** Which content each person's sources have. */
const variants = new Map<Machine, number>();
let round = 0;
/** How the targets of both people ended, in the present round. */
let ends: string[] = [];
/** Rounds with a warning to a person. */
const warned = new Set<number>();

while (Date.now() < until) {
  round++;
  const isQuiet = round % 3 === 0;
  const isSame = isQuiet || random.chance(0.7);
  if (isQuiet) await recovered();
  for (const [index, person] of people.entries()) prepare(person, isSame ? 0 : index);
  const before = fleet.runs.length;
  const began = Date.now();
  ends = [];
  const over = new AbortController();
  const striking = isQuiet ? Promise.resolve() : strike(over.signal);
  await Promise.all(people.map(person => buildOnce(person, isQuiet)));
  over.abort();
  await striking;
  if (isQuiet) {
    total.quiet++;
    const runs = fleet.runs.slice(before);
    if (isDisturbed(began)) total.disturbed++;
    else if (runs.length !== TARGETS) {
      const compiled = `${TARGETS} targets of both people were compiled ${runs.length} times: ${runs.join(', ')}`;
      violations.push(`round ${round}: ${compiled}\n${jobsSince(began)}\n${ends.join('\n')}`);
    }
  }
}

for (const [index, agent] of agents.entries()) {
  agent.kill('SIGTERM');
  const status = await Promise.race([agent.status(), delay(60_000, 'hangs', { ref: false })]);
  if (status !== 0 && isAtWork(agent))
    violations.push(`agent ${index} ended with ${status}: ${agent.errors}`);
}
const limit = Date.now() + LEFT_MS;
while (compilersBelow(fleet.root).length > 0 && Date.now() < limit) await delay(100);
for (const pid of compilersBelow(fleet.root)) violations.push(`the compiler ${pid} is left`);
if (total.agents === 0) violations.push('agents never compiled anything');
await fleet.stop();
await cache.stop();

for (const violation of violations) console.log(`VIOLATION: ${violation}`);
console.log(
  [
    '',
    `seed             ${seed}`,
    'faults',
    ...[...counts].sort().map(([name, count]) => `  ${name.padEnd(26)} ${count}`),
    `builds           ${total.builds}, the longest ${(total.longest / 1000).toFixed(1)} s`,
    `  by agents      ${total.agents}`,
    `  here           ${total.here}`,
    `  from caches    ${total.cached}`,
    `  interrupted    ${total.interrupted}`,
    `quiet rounds     ${total.quiet}, in which each target was compiled once, except in ${total.disturbed}: the machine was too busy`,
    `rounds           ${round}`,
    `violations       ${violations.length}`,
  ].join('\n'),
);
process.exit(violations.length === 0 ? 0 : 1);

/**
 * Waits until all agents are on the queue again, and nothing of earlier rounds is left there: jobs of killed builds are
 * dropped by then.
 */
async function recovered(): Promise<void> {
  let seen = 'it does not answer';
  for (const late = Date.now() + RECOVERY_MS; Date.now() < late; await delay(100)) {
    try {
      const { agents: there, builds, running, waiting } = await fleet.queue();
      seen = `${there.length} agents, ${builds.length} builds, ${running.length} jobs run and ${waiting} wait`;
      if (there.length === AGENTS && builds.length + running.length + waiting === 0) return;
    } catch (error) {
      seen = (error as Error).message;
    }
  }
  violations.push(`round ${round}: the queue has not recovered: ${seen}`);
}

/** The content of a target's source. */
function contentOf(name: string, variant: number): string {
  return `${name} of round ${round}, variant ${variant}\n`;
}

function prepare(person: Machine, variant: number): void {
  for (const name of fleet.names) person.write(`config/${name}.h`, contentOf(name, variant));
  rmSync(`${person.checkout}/firmware`, { recursive: true, force: true });
  variants.set(person, variant);
}

/** Builds until one build comes to its end, which is checked. */
async function buildOnce(person: Machine, isQuiet: boolean): Promise<void> {
  await delay(random.between(0, 600));
  for (;;) {
    const program = person.build();
    const interrupting = isQuiet ? undefined : interrupt(program);
    const late = setTimeout(() => {
      violations.push(`round ${round}: the build of ${person.name} hangs: ${lastOf(program)}`);
      program.kill('SIGKILL');
    }, LONGEST_MS);
    const status = await program.status();
    clearTimeout(late);
    if ((await interrupting) === true && status !== 0) {
      total.interrupted++;
      if (status === 130) await check(person, program, true);
      continue;
    }
    await check(person, program, false);
    return;
  }
}

/** Stops a build now and then; resolves to whether it did. */
async function interrupt(program: Program<BuildEvent>): Promise<boolean> {
  if (!random.chance(0.15)) return false;
  const signal = random.pick(['SIGINT', 'SIGKILL'] as const);
  const wait = random.between(500, 4_000);
  const isOver = await Promise.race([program.status().then(() => true), delay(wait, false)]);
  if (isOver) return false;
  count(signal === 'SIGINT' ? 'Ctrl-C of a build' : 'kill a build');
  program.kill(signal);
  return true;
}

async function check(person: Machine, program: Program<BuildEvent>, isInterrupted: boolean): Promise<void> {
  const wrong = (what: string) => violations.push(`round ${round}, ${person.name}: ${what}`);
  total.builds++;
  try {
    const result = await built(program);
    total.longest = Math.max(total.longest, result.duration);
    total.agents += result.agents;
    total.here += result.compiled - result.agents;
    total.cached += result.cached;
    if (result.warnings.length > 0) warned.add(round);
    const steps = program.events.flatMap(event => {
      if (!('target' in event) || event.type === 'target-output') return [];
      const { at, target, type } = event;
      return `${at % 100_000} ${target} ${type} ${'why' in event ? event.why : ''}`;
    });
    ends.push(`  ${person.name}: ${JSON.stringify(result.ends)}\n    ${steps.join('\n    ')}`);
    const missing = fleet.names.filter(name => result.ends[name] === undefined);
    if (missing.length > 0) wrong(`${missing.join(', ')} did not end`);
    if (isInterrupted) return;
    if (result.status !== 0)
      wrong(`ended with ${result.status}: ${result.warnings.join(' ')}\n${lastOf(program)}`);
    const { firmware } = person;
    for (const name of fleet.names) {
      const expected = contentOf(name, variants.get(person)!);
      if (firmware[`${name}.uf2`] !== expected)
        wrong(`${name}.uf2 is ${JSON.stringify(firmware[`${name}.uf2`])}`);
    }
  } catch (error) {
    wrong((error as Error).message);
  }
}

/** Injects faults until the round is over. */
async function strike(over: AbortSignal): Promise<void> {
  const faults: [name: string, fault: () => Promise<void>][] = [
    ['kill an agent', () => killAgent()],
    ['kill an agent', () => killAgent()],
    ['stop an agent', () => stopAgent(random.between(1_000, 4_000))],
    ['stop an agent for long', () => stopAgent(random.between(8_000, 14_000))],
    ['SIGTERM to an agent', () => replaceAgent()],
    ['restart Redis', () => restartRedis(random.between(0, 3_000))],
    ['Redis away for 15 s', () => (random.chance(0.3) ? restartRedis(15_000) : restartRedis(1_000))],
  ];
  while (!over.aborted) {
    await delay(random.between(300, 3_000));
    if (over.aborted) return;
    const [name, fault] = random.pick(faults);
    count(name);
    await fault();
  }
}

async function killAgent(): Promise<void> {
  const index = random.between(0, AGENTS - 1);
  agents[index]!.kill('SIGKILL');
  await agents[index]!.status();
  await delay(random.between(0, 2_000));
  agents[index] = await restart(hosts[index]!);
}

async function replaceAgent(): Promise<void> {
  const index = random.between(0, AGENTS - 1);
  agents[index]!.kill('SIGTERM');
  if (random.chance(0.5)) {
    await delay(200);
    agents[index]!.kill('SIGTERM');
  }
  const status = await agents[index]!.status();
  if (status !== 0 && isAtWork(agents[index]!))
    violations.push(`an agent ended with ${status} after SIGTERM: ${agents[index]!.errors}`);
  agents[index] = await restart(hosts[index]!);
}

/** Whether an agent handles signals: it has begun, and has not said that it is over. */
function isAtWork({ events }: Program<AgentEvent>): boolean {
  return events.length > 0 && !events.some(({ type }) => type === 'agent-stopped');
}

/** As in `Machine.agent`, without waiting for the queue. */
async function restart(host: Machine): Promise<Program<AgentEvent>> {
  const words = ['agent', '--json', '--jobs', '1', '--accept', 'command', '--name', host.name];
  const agent = host.program<AgentEvent>(words);
  await agent.event(() => true);
  return agent;
}

async function stopAgent(milliseconds: number): Promise<void> {
  const agent = random.pick(agents);
  agent.kill('SIGSTOP');
  await delay(milliseconds);
  agent.kill('SIGCONT');
}

async function restartRedis(milliseconds: number): Promise<void> {
  await fleet.redis.kill();
  await delay(milliseconds);
  await fleet.redis.begin();
}

function count(name: string): void {
  counts.set(name, (counts.get(name) ?? 0) + 1);
}

/** Whether an agent lost a job or the queue, or anything was in trouble, though no fault was injected. */
function isDisturbed(began: number): boolean {
  const troubles = ['warning', 'queue-lost', 'agent-resting'];
  const isTrouble = (event: AgentEvent) =>
    troubles.includes(event.type) ||
    (event.type === 'job-ended' && ['lost', 'abandoned', 'cancelled'].includes(event.end));
  const ofAgents = agents.some(({ events }) => events.some(event => event.at >= began && isTrouble(event)));
  return ofAgents || warned.has(round);
}

/** What agents did with jobs. */
function jobsSince(time: number): string {
  const told = agents.flatMap(({ events }, index) =>
    events.filter(event => event.at >= time).map(event => `  ${index}: ${JSON.stringify(event)}`),
  );
  return told.join('\n');
}

function lastOf({ events, errors }: Program<BuildEvent>): string {
  return [...events.slice(-12).map(event => JSON.stringify(event)), errors].join('\n');
}
