// Every command in the documentation works as described.
import { execFile, execFileSync, spawn } from 'node:child_process';
import { chmodSync, cpSync, globSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import test from 'ava';
import { parse } from 'yaml';
import { createWestMachine } from '../builder/west-rig/west-rig.ts';
import { createUpstream } from '../builder/workspace/upstream.ts';
import { copyProject, installPackage } from '../support/installed.ts';
import { commandsOf, documents, ROOT, readDocument } from './documents.ts';

const checks = readFileSync(path.join(ROOT, '.ci/run'), 'utf8');

const directory = mkdtempSync(path.join(os.tmpdir(), 'glovebox-readme-'));
const config = path.join(directory, 'config');

test.before(async () => {
  copyProject(directory);
  await installPackage(directory);
  const extract = path.join(ROOT, 'test/support/extract-snippets.mjs');
  // The config of the documentation replaces the project's own.
  execFileSync(process.execPath, [extract, path.join(ROOT, 'docs/build.md'), config]);
});
test.after.always(() => rmSync(directory, { recursive: true, force: true }));

const environment = { ...process.env, GLOVEBOX_CACHE_DIR: path.join(directory, 'cache'), CI: 'true' };

/** Node's arguments for a command of the documentation. */
function argumentsOf(command: string): string[] {
  const [program, ...words] = command.split(' ');
  return program === 'npx' && words.shift() === 'glovebox'
    ? [path.join(directory, 'node_modules/glovebox/dist/src/cli/main.js'), ...words]
    : words;
}

/** Runs a command of the documentation, with its own cache. */
async function run(command: string, cwd: string, env: NodeJS.ProcessEnv = environment): Promise<string> {
  const { stdout } = await promisify(execFile)(process.execPath, argumentsOf(command), { cwd, env });
  return stdout;
}

// The required output of each command in the documentation. Commands that install or test run in .ci/run, on a clean
// clone; those that need ZMK run against stand-ins for it and for west, and the container's against real engines in
// their own tests; programs, examples, telemetry, flashing, the live page and agents have their own tests.
const expected = new Map<
  string,
  | RegExp
  | 'checks'
  | 'container'
  | 'programs'
  | 'examples'
  | 'telemetry'
  | 'flash'
  | 'agents'
  | 'page'
  | 'init'
>([
  ['npm install && npm start', 'checks'],
  ['npm install && npm test', 'checks'],
  ['npm install glovebox piscina', 'checks'],
  ['npm run bench', 'checks'],
  ['npm run chaos -- --minutes 30 --seed 101', 'checks'],
  ['npx glovebox build', /2 compiled/],
  ['npx glovebox build --dry-run', /from (the )?cache|in (the )?cache/],
  ['npx glovebox build --jobs 1', /2 from the cache/],
  ['npx glovebox build --json', /"type":"build-finished"/],
  ['npx glovebox build --explain', /nothing changed since/],
  ['npx glovebox build --report build.html', /2 from the cache/],
  ['npx glovebox build --trace build.json', /2 from the cache/],
  ['npx glovebox build --verify', /the same when compiled from scratch/],
  ['npx glovebox build --watch', /2 of 2 targets ready/],
  ['npx glovebox build --toolchain west', /2 compiled/],
  ['npx glovebox build --toolchain container', 'container'],
  ['npx glovebox init --keyboard corne', 'init'],
  ['npx glovebox flash', 'flash'],
  ['npx glovebox flash left', 'flash'],
  ['npx glovebox build --flash', 'flash'],
  ['npx glovebox watch --open', 'page'],
  ['npx glovebox workspace create', /^Made zmk-main-/m],
  ['npx glovebox workspace list', /zmk-main-/],
  ['npx glovebox workspace update', /zmk-main-/],
  ['npx glovebox workspace show', /modules\/hal/],
  ['npx glovebox workspace export -o zmk.tar.zst', /^Packed /],
  ['npx glovebox workspace import zmk.tar.zst', /zmk-main-/],
  ['npx glovebox layout config/tiny.keymap', /A.*B/],
  ['npx glovebox layout config/tiny.keymap --svg tiny.svg', /^$/],
  ['npx glovebox cache stats', /firmware/],
  ['npx glovebox doctor', /Node/],
  ['npm install glovebox @opentelemetry/api @opentelemetry/auto-instrumentations-node', 'telemetry'],
  ['export OTEL_EXPORTER_OTLP_ENDPOINT=http://localhost:4318', 'telemetry'],
  [
    "NODE_OPTIONS='--import @opentelemetry/auto-instrumentations-node/register' npx glovebox build",
    'telemetry',
  ],
  [
    'glovebox cache stats --format prometheus > glovebox.prom.new && mv glovebox.prom.new glovebox.prom',
    'telemetry',
  ],
  ['npm install glovebox bullmq ioredis', 'agents'],
  ['GLOVEBOX_QUEUE=rediss://:password@queue.example.org:6379 glovebox agent', 'agents'],
  ['GLOVEBOX_QUEUE=rediss://:password@queue.example.org:6379 glovebox build --agents', 'agents'],
  ['node pool.js', 'programs'],
  ['node bench/programs/remote.ts', 'programs'],
  ['node bench/programs/agents.ts', 'programs'],
  ['node bench/programs/target-order.ts', 'programs'],
  ['npm run build', 'checks'],
  ['node examples/pool/main.js', 'examples'],
  ['node examples/getOrSet/main.js', 'examples'],
  ['node examples/files/main.js', 'examples'],
  ['node examples/sync-plugin/main.js', 'examples'],
  ['node examples/watch/main.js', 'examples'],
]);

const commands = documents.flatMap(commandsOf);

test('every command of the documentation is known to this test', t => {
  t.deepEqual([...new Set(commands)].sort(), [...expected.keys()].sort());
});

test('the commands that set up a new machine run in the checks', t => {
  for (const words of [
    'npm ci',
    'npm install',
    'npm start',
    'npm run test:all',
    'npm pack',
    'npm run docs',
    'npm run bench',
    'nice -n 10 npm run chaos',
  ]) {
    t.regex(checks, new RegExp(`^ *${words}`, 'm'));
  }
});

/** The commands with this prefix, in the order of the page on building; each once. */
function commandsWith(...beginnings: string[]): string[] {
  return [...new Set(commandsOf(readDocument('docs/build.md')))].filter(command =>
    beginnings.some(beginning => command.startsWith(beginning)),
  );
}

test.serial("the commands for a user's own config build it, and print the documented output", async t => {
  const own = commandsWith('npx glovebox').filter(
    command => !/workspace|--toolchain|watch|flash|init/.test(command),
  );
  for (const command of own) {
    t.regex(await run(command, config), expected.get(command) as RegExp, command);
  }
  t.deepEqual(readdirSync(path.join(config, 'firmware')).sort(), [
    'tiny_left-tiny-zmk.bin',
    'tiny_right-tiny-zmk.bin',
  ]);
  t.regex(readFileSync(path.join(config, 'build.html'), 'utf8'), /<svg/);
  t.truthy(JSON.parse(readFileSync(path.join(config, 'build.json'), 'utf8')));
});

test.serial('watching builds, waits, and ends with Ctrl-C', async t => {
  const command = 'npx glovebox build --watch';
  const watching = spawn(process.execPath, argumentsOf(command), { cwd: config, env: environment });
  let output = '';
  watching.stdout.setEncoding('utf8');
  for await (const text of watching.stdout) {
    output += text;
    // It waits for ever once it has built: only a signal ends it.
    if ((expected.get(command) as RegExp).test(output)) watching.kill('SIGINT');
  }
  t.regex(output, expected.get(command) as RegExp);
});

test.serial('the commands for a workspace make one and move it to another machine', async t => {
  const { config, cacheRoot, env } = await createUpstream(t);
  for (const command of commandsWith('npx glovebox workspace')) {
    const output = await run(command, config, { ...environment, ...env, GLOVEBOX_CACHE_DIR: cacheRoot });
    t.regex(output, expected.get(command) as RegExp, command);
  }
});

test.serial('a known workspace builds the config with west', async t => {
  const machine = await createWestMachine(t, { onRun: 'build' });
  const env = { ...environment, ...machine.environment, GLOVEBOX_CACHE_DIR: machine.cacheRoot };
  await run(`npx glovebox workspace add ${machine.workspace}`, machine.config, env);
  const command = 'npx glovebox build --toolchain west';
  t.regex(await run(command, machine.config, env), expected.get(command) as RegExp);
});

const [, workflow] = /^```yaml\n(# \.github\/workflows\/by-hand[\s\S]*?)^```$/m.exec(
  readDocument('docs/build.md').text,
)!;
const job = parse(workflow!).jobs.build;

test('the documented workflow is YAML, and runs commands that are tested', t => {
  const runs = job.steps.flatMap(({ run }: { run?: string }) => run ?? []);
  t.deepEqual(
    runs.filter((command: string) => !expected.has(command)),
    [],
  );
  t.true(runs.length > 0);
});

/** A cache directory with the files that the workflow keeps of another one. */
function kept(root: string): string {
  const copy = path.join(directory, `kept-${readdirSync(directory).length}`);
  const paths: string[] = job.steps
    .filter(({ uses }: { uses?: string }) => uses?.startsWith('actions/cache@'))
    .flatMap(({ with: { path: paths } }: { with: { path: string } }) => paths.trim().split(/\s+/));
  for (const pattern of paths) {
    for (const found of globSync(path.relative(job.env.GLOVEBOX_CACHE_DIR, pattern), { cwd: root })) {
      cpSync(path.join(root, found), path.join(copy, found), { recursive: true, preserveTimestamps: true });
    }
  }
  chmodSync(copy, 0o700);
  return copy;
}

test.serial('the files that the workflow keeps are enough to compile nothing again', async t => {
  const machine = await createWestMachine(t, { onRun: 'build' });
  const env = { ...environment, ...machine.environment, GLOVEBOX_CACHE_DIR: machine.cacheRoot };
  const command = `npx glovebox build --toolchain west --workspace ${machine.workspace} --json`;
  t.regex(
    await run(command, machine.config, env),
    /"type":"build-finished","compiled":[1-9]\d*,.*"cached":0,/,
  );
  const again = await run(command, machine.config, { ...env, GLOVEBOX_CACHE_DIR: kept(machine.cacheRoot) });
  t.regex(again, /"type":"build-finished","compiled":0,.*"cached":[1-9]/);
});

test.serial('the files that the workflow keeps are enough to fetch nothing again', async t => {
  const { config, cacheRoot, env } = await createUpstream(t);
  const create = (root: string) =>
    run('npx glovebox workspace create', config, { ...environment, ...env, GLOVEBOX_CACHE_DIR: root });
  t.regex(await create(cacheRoot), /^Made /m);
  t.regex(await create(kept(cacheRoot)), /^There is /m);
});
