import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { stripTypeScriptTypes } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { glovebox, gloveboxAlone, gloveboxHere, runProgram } from './run.ts';
import { temporaryDirectory } from './temporary.ts';

const root = new URL('../../', import.meta.url);

test('the version is that of the package', async t => {
  const { version } = JSON.parse(readFileSync(new URL('package.json', root), 'utf8'));
  for (const flag of ['--version', '-V']) {
    t.deepEqual(await glovebox([flag]), { status: 0, stdout: `${version}\n`, stderr: '' });
  }
});

test('every command has help with its options and examples', async t => {
  const seen: string[] = [];
  const look = async (command: string[]): Promise<void> => {
    const { status, stdout, stderr } = await gloveboxHere([...command, '--help']);
    const name = ['glovebox', ...command].join(' ');
    seen.push(name);
    t.is(status, 0, name);
    t.is(stderr, '', name);
    t.true(stdout.startsWith(`Usage: ${name} `), stdout);
    t.regex(stdout, /\nOptions:\n/, name);
    t.true(stdout.includes(`\nExamples:\n  $ ${command.length === 0 ? 'glovebox ' : name}`), stdout);
    const commands = /\nCommands:\n(.*?)\n\n/s.exec(stdout)?.[1] ?? '';
    const names = [...commands.matchAll(/^ {2}([a-z-]+) /gm)].map(match => match[1]!);
    await Promise.all(names.filter(one => one !== 'help').map(one => look([...command, one])));
  };
  await look([]);
  t.true(seen.length > 20, seen.join(', '));
  for (const known of ['build', 'cache check', 'workspace import', 'remote check', 'layout', 'doctor'])
    t.true(seen.includes(`glovebox ${known}`), known);
});

test('help is also a command', async t => {
  const { status, stdout } = await gloveboxHere(['help', 'build']);
  t.is(status, 0);
  t.deepEqual(stdout, (await gloveboxHere(['build', '--help'])).stdout);
});

test('no command at all is wrong usage, answered with the help', async t => {
  const { status, stdout, stderr } = await gloveboxHere([]);
  t.is(status, 2);
  t.is(stdout, '');
  t.regex(stderr, /^Usage: glovebox <command>/);
});

for (const { args, suggestion } of [
  { args: ['biuld'], suggestion: 'build' },
  { args: ['cahce', 'list'], suggestion: 'cache' },
  { args: ['cache', 'lsit'], suggestion: 'list' },
  { args: ['biuld', '--help'], suggestion: 'build' },
  { args: ['help', 'biuld'], suggestion: 'build' },
  { args: ['cache', 'lsit', '--help'], suggestion: 'list' },
  { args: ['workspace', 'help', 'crate'], suggestion: 'create' },
  { args: ['build', '--jbos', '2'], suggestion: '--jobs' },
  { args: ['build', '--dryrun'], suggestion: '--dry-run' },
  { args: ['cache', 'list', '--jsno'], suggestion: '--json' },
  { args: ['build', '--toolchain', 'contaner'], suggestion: 'container' },
]) {
  test(`\`${args.join(' ')}\` is wrong usage, answered with '${suggestion}'`, async t => {
    const { status, stdout, stderr } = await gloveboxHere(args);
    t.is(status, 2);
    t.is(stdout, '');
    t.regex(stderr, new RegExp(`^error: [^]*Did you mean '?${suggestion}'?\\?`));
  });
}

for (const args of [
  ['build', '--jobs', '0'],
  ['build', '--jobs', '1.5'],
  ['build', '--jobs', 'many'],
  ['build', '--jobs', '-1'],
  ['build', '--jobs'],
  ['build', '--toolchain', 'qmk'],
  ['build', 'one', 'two'],
  ['layout'],
  ['cache'],
  ['cache', 'show'],
  ['cache', 'delete'],
]) {
  test(`\`${args.join(' ')}\` is wrong usage`, async t => {
    const { status, stdout, stderr } = await gloveboxHere(args);
    t.is(status, 2);
    t.is(stdout, '');
    t.not(stderr, '');
    t.notRegex(stderr, /\n\s+at /, 'no stack');
  });
}

test.serial('colours of messages follow the environment', async t => {
  const { stderr } = await gloveboxAlone(['build', '--jobs', '0'], { env: { NO_COLOR: '1' } });
  t.false(stderr.includes('\u001b'));
});

test.serial(
  '--color and --no-color take precedence over the environment in any position, and the last one counts',
  async t => {
    const isColoured = async (env: Record<string, string>, ...args: string[]) => {
      const { stdout } = await gloveboxAlone(args, { env: { HOME: '/nonexistent', ...env } });
      return stdout.includes('\u001b[');
    };
    t.false(await isColoured({}, 'doctor'));
    t.true(await isColoured({}, 'doctor', '--color'));
    t.true(await isColoured({ NO_COLOR: '1' }, '--color', 'doctor'));
    t.true(await isColoured({ FORCE_COLOR: '1' }, 'doctor'));
    t.false(await isColoured({ FORCE_COLOR: '1' }, 'doctor', '--no-color'));
    t.false(await isColoured({}, 'doctor', '--color', '--no-color'));
  },
);

test('an older Node gets a one-line message before anything else is loaded', async t => {
  const old = olderNode();
  if (old === undefined) {
    t.log('skipped: there is no older Node on this machine');
    t.pass();
    return;
  }
  // Only the static imports of main.ts, compiled: if it needed more, this would not start.
  const directory = await temporaryDirectory(t);
  await writeFile(join(directory, 'package.json'), '{ "type": "module" }');
  for (const file of ['src/cli/main', 'src/system/node-version', 'src/errors']) {
    const source = await readFile(fileURLToPath(new URL(`${file}.ts`, root)), 'utf8');
    const script = stripTypeScriptTypes(source).replaceAll(/\.ts'/g, ".js'");
    await mkdir(dirname(join(directory, file)), { recursive: true });
    await writeFile(join(directory, `${file}.js`), script);
  }
  const { status, stdout, stderr } = await runProgram(old.path, [
    join(directory, 'src/cli/main.js'),
    'build',
  ]);
  t.is(status, 1);
  t.is(stdout, '');
  t.regex(stderr, /^error: [^\n]*22\.20[^\n]*\n$/);
  t.true(stderr.includes(old.version), 'it names the version found');
});

/** A Node below 22 in one of the places where systems install it. */
function olderNode(): { path: string; version: string } | undefined {
  for (const path of ['/usr/bin/node', '/usr/local/bin/node', '/opt/homebrew/bin/node']) {
    try {
      const version = execFileSync(path, ['-p', 'process.versions.node'], { encoding: 'utf8' }).trim();
      if (Number.parseInt(version, 10) < 22) {
        return { path, version };
      }
    } catch {
      // Not installed there.
    }
  }
  return undefined;
}
