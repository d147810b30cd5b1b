// Every command and program in the README does what it says.
import { execFile, execFileSync, spawn } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import test from 'ava';
import { parse } from 'yaml';
import { createWestMachine } from './build/west-rig/west-rig.ts';
import { createUpstream } from './domains/compilation/workspace/upstream.ts';
import { copyProject, installPackage } from './support/installed.ts';

const root = path.resolve(import.meta.dirname, '..');
const readme = readFileSync(path.join(root, 'README.md'), 'utf8');
const checks = readFileSync(path.join(root, '.ci/run'), 'utf8');

const directory = mkdtempSync(path.join(os.tmpdir(), 'glovebox-readme-'));
const config = path.join(directory, 'config');

test.before(async () => {
  copyProject(directory);
  await installPackage(directory);
  const extract = path.join(root, 'test/support/extract-snippets.mjs');
  execFileSync(process.execPath, [extract, path.join(root, 'README.md'), directory]);
  // The config of the README takes the place of the project's own.
  execFileSync(process.execPath, [extract, path.join(root, 'README.md'), config]);
});
test.after.always(() => rmSync(directory, { recursive: true, force: true }));

const environment = { ...process.env, GLOVEBOX_CACHE_DIR: path.join(directory, 'cache'), CI: 'true' };

/** The arguments of Node for a command of the README. */
function argumentsOf(command: string): string[] {
  const [program, ...words] = command.split(' ');
  return program === 'npx' && words.shift() === 'glovebox'
    ? [path.join(directory, 'node_modules/glovebox/dist/src/cli/main.js'), ...words]
    : words;
}

/** Runs a command of the README, with a cache of its own. */
async function run(command: string, cwd: string, env: NodeJS.ProcessEnv = environment): Promise<string> {
  const { stdout } = await promisify(execFile)(process.execPath, argumentsOf(command), { cwd, env });
  return stdout;
}

// What each command of the README must say. Those that install or test run in .ci/run, on a clean clone; those that need
// ZMK run against stand-ins for it and for west, and the container's against real engines in tests of their own.
const expected = new Map<string, RegExp | 'checks' | 'container'>([
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
  ['npx glovebox build --watch', /2 of 2 targets ready/],
  ['npx glovebox build --toolchain west', /2 compiled/],
  ['npx glovebox build --toolchain container', 'container'],
  ['npx glovebox workspace create', /^Made zmk-main-/m],
  ['npx glovebox workspace list', /zmk-main-/],
  ['npx glovebox workspace update', /zmk-main-/],
  ['npx glovebox workspace show', /modules\/hal/],
  ['npx glovebox workspace export -o zmk.tar.zst', /^Packed /],
  ['npx glovebox workspace import zmk.tar.zst', /zmk-main-/],
  ['npx glovebox layout config/tiny.keymap', /A.*B/],
  ['npx glovebox cache stats', /firmware/],
  ['npx glovebox doctor', /Node/],
  ['node pool.js', /^8 27 8 27 8 27$/m],
]);

const commands = [...readme.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].flatMap(([, block]) =>
  block!.trim().split('\n'),
);

test('every command of the README is known to this test', t => {
  t.deepEqual([...new Set(commands)].sort(), [...expected.keys()].sort());
});

test('every file that the README and SECURITY.md link to is there', t => {
  const security = readFileSync(path.join(root, 'SECURITY.md'), 'utf8');
  const links = [...`${readme}${security}`.matchAll(/\]\((?!https?:)([^)#]+)\)/g)].map(([, link]) => link!);
  t.true(links.length > 10);
  t.deepEqual(
    links.filter(link => !existsSync(path.join(root, link))),
    [],
  );
});

test('the commands that set up a fresh machine run in the checks', t => {
  for (const words of [
    'npm ci',
    'npm install',
    'npm start',
    'npm test',
    'npm pack',
    'npm run bench',
    'nice -n 10 npm run chaos',
  ]) {
    t.regex(checks, new RegExp(`^ *${words}`, 'm'));
  }
});

/** The commands that begin like this, in the README's order. */
function commandsOf(...beginnings: string[]): string[] {
  return commands.filter(command => beginnings.some(beginning => command.startsWith(beginning)));
}

test.serial('the commands for a config of your own build it, and say what the README says', async t => {
  const own = commandsOf('npx glovebox').filter(command => !/workspace|--toolchain|--watch/.test(command));
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
  for (const command of commandsOf('npx glovebox workspace')) {
    const output = await run(command, config, { ...environment, ...env, GLOVEBOX_CACHE_DIR: cacheRoot });
    t.regex(output, expected.get(command) as RegExp, command);
  }
});

test.serial('a workspace that is known builds the config with west', async t => {
  const machine = await createWestMachine(t, { onRun: 'build' });
  const env = { ...environment, ...machine.environment, GLOVEBOX_CACHE_DIR: machine.cacheRoot };
  await run(`npx glovebox workspace add ${machine.workspace}`, machine.config, env);
  const command = 'npx glovebox build --toolchain west';
  t.regex(await run(command, machine.config, env), expected.get(command) as RegExp);
});

const [, workflow] = /^```yaml\n(# \.github[\s\S]*?)^```$/m.exec(readme)!;
const job = parse(workflow!).jobs.build;

test('the workflow of the README is YAML, and runs commands that are tested', t => {
  const runs = job.steps.flatMap(({ run }: { run?: string }) => run ?? []);
  t.deepEqual(
    runs.filter((command: string) => !expected.has(command)),
    [],
  );
  t.true(runs.length > 0);
});

/** A cache directory with what the workflow keeps of another one. */
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

test.serial('what the workflow keeps is enough to compile nothing again', async t => {
  const machine = await createWestMachine(t, { onRun: 'build' });
  const env = { ...environment, ...machine.environment, GLOVEBOX_CACHE_DIR: machine.cacheRoot };
  const command = `npx glovebox build --toolchain west --workspace ${machine.workspace} --json`;
  t.regex(await run(command, machine.config, env), /"type":"build-finished","compiled":[1-9]\d*,"cached":0,/);
  const again = await run(command, machine.config, { ...env, GLOVEBOX_CACHE_DIR: kept(machine.cacheRoot) });
  t.regex(again, /"type":"build-finished","compiled":0,"cached":[1-9]/);
});

test.serial('what the workflow keeps is enough to fetch nothing again', async t => {
  const { config, cacheRoot, env } = await createUpstream(t);
  const create = (root: string) =>
    run('npx glovebox workspace create', config, { ...environment, ...env, GLOVEBOX_CACHE_DIR: root });
  t.regex(await create(cacheRoot), /^Made /m);
  t.regex(await create(kept(cacheRoot)), /^There is /m);
});

test.serial('the pool of the README computes each value once, however many threads ask', async t => {
  const output = await run('node pool.js', directory);
  t.regex(output, expected.get('node pool.js') as RegExp);
  t.deepEqual(output.match(/^computing \d$/gm)?.sort(), ['computing 2', 'computing 3']);
  t.regex(output, /^2 entries, /m);
});

test.serial(
  'the transformer of the README runs Babel for each source once, in whichever thread and process',
  async t => {
    const own = path.join(directory, 'transformer');
    mkdirSync(own);
    const put = (name: string, text: string) => writeFileSync(path.join(own, name), text);
    cpSync(path.join(directory, 'transform.js'), path.join(own, 'transform.js'));
    put('package.json', '{ "type": "module" }');
    put('package-lock.json', '{}');
    put(
      'plugin.js',
      `import { appendFileSync } from 'node:fs';
    export default (_, { name }) => ({
      visitor: {
        Program() { appendFileSync('runs', 'x'); },
        Identifier(path) { if (path.node.name === 'before') path.node.name = name; },
      },
    });`,
    );
    put(
      'jest.js',
      `import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
    import transformer from './transform.js';
    const codes = ({ sources }) =>
      sources.map((source, index) => transformer.process(source, \`/src/\${index}.js\`).code);
    if (isMainThread) {
      const task = JSON.parse(process.argv[2]);
      const all = [codes(task)];
      for (let thread = 0; thread < task.threads; thread++) {
        const worker = new Worker(new URL(import.meta.url), { workerData: task });
        all.push(await new Promise(resolve => worker.once('message', resolve)));
      }
      console.log(JSON.stringify(all));
    } else parentPort.postMessage(codes(workerData));`,
    );
    const configure = (name: string) =>
      put('babel.config.json', JSON.stringify({ plugins: [['./plugin.js', { name }]] }));
    const transform = async (sources: string[], threads: number): Promise<string[][]> =>
      JSON.parse(await run(`node jest.js ${JSON.stringify({ sources, threads })}`, own));
    const runs = () => readFileSync(path.join(own, 'runs'), 'utf8').length;

    configure('after');
    const first = await transform(['before=1', 'before=2'], 1);
    t.regex(first[0]![0]!, /^after = 1;\n\/\/# sourceMappingURL=data:/);
    t.deepEqual(first[1], first[0]);
    t.is(runs(), 2);
    const again = await transform(['before=1', 'before=2'], 2);
    t.deepEqual(again, [first[0], first[0], first[0]]);
    t.is(runs(), 2, 'nothing is compiled again');
    await transform(['before=1', 'before=3'], 0);
    t.is(runs(), 3, 'but for what changed');
    configure('later');
    t.regex((await transform(['before=1'], 0))[0]![0]!, /^later = 1;/);
    t.is(runs(), 4);
  },
);
