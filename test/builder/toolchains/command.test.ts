import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { chmod, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { MessageChannel, receiveMessageOnPort } from 'node:worker_threads';
import test from 'ava';
import {
  createToolchain,
  type ToolchainDescription,
  ToolchainError,
} from '../../../src/builder/toolchains/index.ts';
import type { CommandToolchainOptions } from '../../../src/config/toolchain-options.ts';
import { createRig, isAlive } from '../rig/rig.ts';
import { compiling, describe, jobIn, type Project, projectFor, scripted, target } from './project.ts';

const identityOf = (project: Project, options: CommandToolchainOptions) =>
  createToolchain(describe(project, options)).identity(target);

test('each placeholder of a target reaches the program in its own argument', async t => {
  const { rig, project, outcome } = await compiling(t, {
    job: {
      target: {
        board: 'b',
        shield: 'left view',
        snippet: 's',
        cmakeArgs: '-DA=1 -DB="x y"',
        artifactName: 'n',
      },
    },
  });
  const run = await rig.nextRun();
  t.deepEqual(run.target, {
    board: 'b',
    shield: 'left view',
    snippet: 's',
    'cmake-args': '-DA=1 -DB="x y"',
    name: 'n',
    config: project.directory,
    build: project.build,
    jobs: '3',
  });
  t.is(run.cwd, project.directory);
  await run.succeed();
  t.true((await outcome).ok);
});

test('a missing optional field is an empty argument', async t => {
  const { rig, outcome } = await compiling(t, { job: { target: { board: 'b', artifactName: 'n' } } });
  const run = await rig.nextRun();
  t.like(run.target, { shield: '', snippet: '', 'cmake-args': '' });
  await run.succeed();
  await outcome;
});

test('nothing in a target can become a command, another argument or another placeholder', async t => {
  const hostile = [
    '; touch pwned',
    '$(touch pwned)',
    '`touch pwned`',
    '| touch pwned',
    '& touch pwned',
    'a\ntouch pwned',
    `"'`,
    `'; touch pwned; '`,
    '{name} {config}',
    '$& $1 $$',
    '> pwned',
    '* ~ \\',
    '%PATH%',
  ];
  const { rig, project, outcome } = await compiling(t, {
    job: { target: { ...target, shield: hostile.join('\u0001'), board: hostile.join(' ') } },
  });
  const run = await rig.nextRun();
  t.deepEqual(run.target.shield?.split('\u0001'), hostile);
  t.is(run.target.board, hostile.join(' '));
  t.is(run.argv.length, rig.toolchainOptions.arguments.length - 2);
  await run.succeed();
  await outcome;
  t.deepEqual(await readdir(project.directory), ['config']);
});

test('a NUL in a target is a failure, not a crash', async t => {
  const project = await projectFor(t);
  const toolchain = createToolchain(describe(project, scripted('', { arguments: ['-e', '', '{shield}'] })));
  t.like(await toolchain.compile(jobIn(project, { target: { ...target, shield: 'a\0b' } })), {
    ok: false,
    reason: 'cannot-start',
  });
});

test('several placeholders in one argument stay one argument, and other braces are text', async t => {
  const project = await projectFor(t);
  const options = scripted('', {
    arguments: ['-p', 'JSON.stringify(process.argv.slice(1))', '--', '{shield}-{board}/x', '{"a": 1} {} {1}'],
  });
  const lines: string[] = [];
  await createToolchain(describe(project, options)).compile(
    jobIn(project, { onOutput: line => lines.push(line) }),
  );
  t.deepEqual(JSON.parse(lines[0]!), ['corne_left-nice_nano_v2/x', '{"a": 1} {} {1}']);
});

test('an unknown placeholder is an error that names it and the allowed ones', async t => {
  const project = await projectFor(t);
  for (const [argument, message] of [
    [
      '--x={sheild}',
      /Unknown placeholder \{sheild\}.*Did you mean \{shield\}\? Allowed: \{board\} .*\{cmake-args\}\./,
    ],
    ['$' + '{HOME}', /Unknown placeholder \{HOME\}/],
  ] as const) {
    t.throws(() => createToolchain(describe(project, scripted('', { arguments: [argument] }))), {
      instanceOf: ToolchainError,
      code: 'GLOVEBOX_TOOLCHAIN',
      message,
    });
  }
});

test('options that can never work are an error that names them', async t => {
  const project = await projectFor(t);
  for (const [options, message] of [
    [{ program: '' }, /program is empty/],
    [{ artifacts: [] }, /artifacts is empty/],
    [{ artifacts: ['../*.uf2'] }, /'\.\.\/\*\.uf2' leads out of the build directory/],
    [{ artifacts: ['/etc/*'] }, /leads out of the build directory/],
    [{ observed: 'x/../../y' }, /leads out of the build directory/],
  ] as const) {
    t.throws(() => createToolchain(describe(project, scripted('', { ...options } as never))), {
      instanceOf: ToolchainError,
      message,
    });
  }
});

test('an unknown kind of toolchain is an error that names the existing ones', async t => {
  const description = { ...describe(await projectFor(t), scripted('')), kind: 'make' };
  t.throws(() => createToolchain(description as never), {
    instanceOf: ToolchainError,
    message: /no toolchain 'make'\. Available: command, west\b/,
  });
});

test('a description sent to another thread makes the same toolchain', async t => {
  const project = await projectFor(t);
  const description = describe(project, scripted('', { version: [process.execPath, '--version'] }));
  const { port1, port2 } = new MessageChannel();
  port1.postMessage(description);
  const received = receiveMessageOnPort(port2)?.message as ToolchainDescription;
  t.deepEqual(
    await createToolchain(received).identity(target),
    await createToolchain(description).identity(target),
  );
});

test('only the listed variables reach the program', async t => {
  process.env.GLOVEBOX_TEST_LISTED = 'listed';
  process.env.GLOVEBOX_TEST_PASSED = 'passed';
  process.env.GLOVEBOX_TEST_SECRET = 'secret';
  const { rig, outcome } = await compiling(t, {
    toolchain: {
      environment: ['GLOVEBOX_TEST_LISTED', 'GLOVEBOX_TEST_UNSET'],
      passThrough: ['GLOVEBOX_TEST_PASSED'],
    },
  });
  const run = await rig.nextRun();
  t.deepEqual(run.environment, { GLOVEBOX_TEST_LISTED: 'listed', GLOVEBOX_TEST_PASSED: 'passed' });
  await run.succeed();
  await outcome;
});

test('without a list the program gets the basic variables and nothing else', async t => {
  const { rig, outcome } = await compiling(t);
  const run = await rig.nextRun();
  t.deepEqual(
    Object.keys(run.environment).filter(name => !['PATH', 'HOME', 'TMPDIR'].includes(name)),
    [],
  );
  t.is(run.environment.PATH, process.env.PATH);
  await run.succeed();
  await outcome;
});

test('the identity names everything that can change the output, and no path', async t => {
  process.env.GLOVEBOX_TEST_FLAGS = '-O2';
  const options = scripted('1', {
    environment: ['GLOVEBOX_TEST_FLAGS', 'GLOVEBOX_TEST_UNSET'],
    version: [process.execPath, '-p', '"1.2.3"'],
  });
  const identity = await identityOf(await projectFor(t), options);
  t.deepEqual(identity, {
    kind: 'command',
    program: path.basename(process.execPath),
    arguments: options.arguments,
    artifacts: ['*.uf2'],
    environment: { GLOVEBOX_TEST_FLAGS: '-O2', GLOVEBOX_TEST_UNSET: null },
    executable: `sha256:${createHash('sha256').update(readFileSync(process.execPath)).digest('hex')}`,
    version: '1.2.3',
  });
  t.deepEqual(JSON.parse(JSON.stringify(identity)), identity);
  t.deepEqual(await identityOf(await projectFor(t), options), identity);
});

test('every part of a toolchain that can change the output changes the identity, and nothing else does', async t => {
  const project = await projectFor(t);
  const options = scripted('1', { version: [process.execPath, '-p', '1'] });
  const identity = await identityOf(project, options);
  const changes: Partial<CommandToolchainOptions>[] = [
    { program: 'perl' },
    { arguments: ['-e', '2'] },
    { artifacts: ['*.bin'] },
    { version: [process.execPath, '-p', '2'] },
    { environment: ['HOME'] },
  ];
  for (const change of changes)
    t.notDeepEqual(await identityOf(project, { ...options, ...change }), identity);
  t.deepEqual(await identityOf(project, { ...options, passThrough: ['PATH'], inputs: ['x'] }), identity);
});

test('another program with the same name, version, size and time is another compiler', async t => {
  const project = await projectFor(t);
  const program = await project.put('../bin/tool', '#!/bin/sh\necho 1.0 # a');
  await chmod(program, 0o755);
  const options = scripted('', { program, version: [program, '--version'] });
  const before = await identityOf(project, options);
  const { mtime } = await stat(program);
  await writeFile(program, '#!/bin/sh\necho 1.0 # b');
  await utimes(program, mtime, mtime);
  t.notDeepEqual(await identityOf(project, options), before);
  await writeFile(program, '#!/bin/sh\necho 1.0 # a');
  t.deepEqual(await identityOf(project, options), before, 'and its time makes no difference');
});

test('the version command runs once for all targets', async t => {
  const project = await projectFor(t);
  const script = `require('fs').appendFileSync('count', 'x'); console.log('v')`;
  const toolchain = createToolchain(
    describe(project, scripted('', { version: [process.execPath, '-e', script] })),
  );
  await Promise.all([toolchain.identity(target), toolchain.identity({ ...target, board: 'other' })]);
  await toolchain.identity(target);
  t.is(await readFile(path.join(project.directory, 'count'), 'utf8'), 'x');
});

test('a version that cannot be determined is an error that names the command', async t => {
  const project = await projectFor(t);
  for (const [version, message] of [
    [['no-such-program', '--version'], /'no-such-program --version'.*cannot be started.*PATH/],
    [[process.execPath, '-e', 'console.log("sorry"); process.exit(4)'], /exit status 4\. sorry/],
    [[process.execPath, '-e', 'process.kill(process.pid, "SIGKILL")'], /SIGKILL/],
  ] as const) {
    await t.throwsAsync(identityOf(project, scripted('', { version: [...version] })), {
      instanceOf: ToolchainError,
      message,
    });
  }
});

test('the version query can be cancelled, and repeated', async t => {
  const project = await projectFor(t);
  const rig = await createRig(t);
  const version = [rig.toolchainOptions.program, ...rig.toolchainOptions.arguments.slice(0, 2)];
  const toolchain = createToolchain(describe(project, scripted('', { version })));
  const controller = new AbortController();
  const first = toolchain.identity(target, controller.signal);
  const run = await rig.nextRun();
  controller.abort();
  await t.throwsAsync(first, { name: 'AbortError' });
  t.false(isAlive(run.pid));
  const second = toolchain.identity(target);
  const again = await rig.nextRun();
  await again.print('v2');
  await again.exit(0);
  t.is((await second).version, 'v2');
});

test('the version is queried ahead of the identity, once, and the query leaves nothing behind', async t => {
  const project = await projectFor(t);
  const rig = await createRig(t);
  const version = [rig.toolchainOptions.program, ...rig.toolchainOptions.arguments.slice(0, 2)];
  const toolchain = createToolchain(describe(project, scripted('', { version })));
  const { over } = await toolchain.prepare!();
  const run = await rig.nextRun();
  const identity = toolchain.identity(target);
  await run.print('v2');
  await run.exit(0);
  t.is((await identity).version, 'v2');
  await over;
  const controller = new AbortController();
  const other = createToolchain(describe(project, scripted('', { version })));
  const begun = await other.prepare!(controller.signal);
  const stopped = await rig.nextRun();
  controller.abort();
  await begun.over;
  t.false(isAlive(stopped.pid));
});

test('a failed early version query is reported by the identity', async t => {
  const project = await projectFor(t);
  const toolchain = createToolchain(describe(project, scripted('', { version: ['no-such-program'] })));
  await (await toolchain.prepare!()).over;
  await t.throwsAsync(toolchain.identity(target), { instanceOf: ToolchainError, message: /no-such-program/ });
});

test('a program is found in PATH, or by its path from the directory of the config file', async t => {
  const project = await projectFor(t);
  const tool = await project.put(
    'bin/tool',
    `#!${process.execPath}\nrequire('fs').writeFileSync(process.argv[2] + '/x.uf2', '')\n`,
  );
  await chmod(tool, 0o755);
  const options = scripted('', { program: './bin/tool', arguments: ['{build}'], passThrough: [] });
  t.true((await createToolchain(describe(project, options)).compile(jobIn(project))).ok);
  const named = scripted(`require('fs').writeFileSync(process.argv[1] + '/y.uf2', '')`, {
    program: 'node',
    passThrough: [],
  });
  await rm(path.join(project.build, 'x.uf2'));
  t.true((await createToolchain(describe(project, named)).compile(jobIn(project))).ok);
});

test('a missing program is a failure that names it', async t => {
  const project = await projectFor(t);
  const outcome = await createToolchain(
    describe(project, scripted('', { program: 'no-such-compiler' })),
  ).compile(jobIn(project));
  t.like(outcome, { ok: false, reason: 'cannot-start' });
  t.regex(outcome.ok ? '' : outcome.message, /no-such-compiler.*PATH/);
});
