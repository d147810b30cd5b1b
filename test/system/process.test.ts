import { once } from 'node:events';
import { chmod, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { Worker } from 'node:worker_threads';
import test, { type ExecutionContext } from 'ava';
import {
  CannotStartError,
  captureOutput,
  type ProcessOptions,
  type ProcessResult,
  runProcess,
} from '../../src/system/process.ts';
import { liveProcessGroups } from '../../src/system/process-group.ts';
import { createRig, isAlive, type RigRun } from '../builder/rig/rig.ts';

const env = { PATH: process.env.PATH ?? '' };

async function directoryFor(t: ExecutionContext): Promise<string> {
  const directory = await mkdtemp(path.join(os.tmpdir(), 'glovebox-test-'));
  t.teardown(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

interface Started {
  run: RigRun;
  result: Promise<ProcessResult>;
  controller: AbortController;
  lines: string[];
  events: [string, number][];
  logFile: string;
}

/** Runs the controllable program. */
async function startRig(t: ExecutionContext, options: Partial<ProcessOptions> = {}): Promise<Started> {
  const rig = await createRig(t);
  const directory = await directoryFor(t);
  const controller = new AbortController();
  const lines: string[] = [];
  const events: [string, number][] = [];
  const logFile = path.join(directory, 'log');
  const result = runProcess({
    command: rig.toolchainOptions.program,
    args: rig.toolchainOptions.arguments.map(argument => (argument === '{build}' ? directory : argument)),
    cwd: directory,
    env,
    signal: controller.signal,
    logFile,
    onLine: line => lines.push(line),
    onProcess: (...event) => events.push(event),
    ...options,
  });
  return { run: await rig.nextRun(), result, controller, lines, events, logFile };
}

/** Runs some JavaScript. */
async function runScript(t: ExecutionContext, script: string, options: Partial<ProcessOptions> = {}) {
  const directory = await directoryFor(t);
  const lines: string[] = [];
  const logFile = path.join(directory, 'log');
  const result = await runProcess({
    command: process.execPath,
    args: ['-e', script],
    cwd: directory,
    env,
    logFile,
    onLine: line => lines.push(line),
    ...options,
  });
  return { result, lines, log: await readFile(logFile).catch(() => Buffer.alloc(0)) };
}

test('the exit status is the result', async t => {
  const { run, result } = await startRig(t);
  await run.exit(7);
  t.like(await result, { exitCode: 7, signal: null });
});

test('the signal that ended a program is the result', async t => {
  const { run, result } = await startRig(t);
  await run.crash('SIGSEGV');
  t.like(await result, { exitCode: null, signal: 'SIGSEGV' });
});

test('standard output and standard error reach lines and log in the order they were printed', async t => {
  const { run, result, lines, logFile } = await startRig(t);
  const expected: string[] = [];
  for (let index = 0; index < 40; index++) {
    const line = `line ${index}`;
    expected.push(line);
    await run.print(line, index % 3 === 0 ? 'stderr' : 'stdout');
  }
  await run.exit(0);
  t.deepEqual((await result).lastLines, expected.slice(-20));
  t.deepEqual(lines, expected);
  t.is(await readFile(logFile, 'utf8'), `${expected.join('\n')}\n`);
});

test('a line is reported as soon as it is printed, not when the program ends', async t => {
  let told = (_line: string) => {};
  const line = new Promise<string>(resolve => {
    told = resolve;
  });
  const { run, result } = await startRig(t, { onLine: line => told(line) });
  await run.print('first');
  t.is(await line, 'first');
  t.true(run.open);
  await run.exit(0);
  await result;
});

test('no output from before the exit is lost or out of order, however much it is', async t => {
  const { lines, log } = await runScript(
    t,
    `for (let i = 0; i < 20000; i++) require('fs').writeSync(i % 2 + 1, 'line ' + i + '\\n')`,
  );
  const expected = Array.from({ length: 20_000 }, (_, index) => `line ${index}`);
  // Compared as one text: a list of differences would take minutes.
  t.true(lines.join('\n') === expected.join('\n'));
  t.true(log.toString() === `${expected.join('\n')}\n`);
});

test('the log has the exact bytes, including those that are not UTF-8', async t => {
  const bytes = [0x61, 0xff, 0x0a, 0x1b, 0x5b, 0x6d, 0x00, 0x0d, 0x0a, 0xc3];
  const { lines, log, result } = await runScript(t, `process.stdout.write(Buffer.from([${bytes}]))`);
  t.deepEqual([...log], bytes);
  t.deepEqual(lines, ['a\ufffd', '\u001b[m\u0000', '\ufffd']);
  t.deepEqual(result.lastLines, lines);
});

test('arguments reach the program unchanged, and no shell reads them', async t => {
  const hostile = [
    '; touch pwned',
    '$(touch pwned)',
    '`touch pwned`',
    'a\nb',
    `"'`,
    '',
    '*',
    '-x',
    'ü €',
    '%PATH%',
  ];
  const directory = await directoryFor(t);
  const { lines } = await runScript(t, '', {
    args: ['-e', 'console.log(JSON.stringify(process.argv.slice(1)))', '--', ...hostile],
    cwd: directory,
  });
  t.deepEqual(JSON.parse(lines[0]!), hostile);
  t.deepEqual(await readdir(directory), []);
});

test('only the given environment reaches the program', async t => {
  const { lines } = await runScript(t, 'console.log(JSON.stringify(process.env))', { env: { ONLY: 'this' } });
  t.deepEqual(JSON.parse(lines[0]!), { ONLY: 'this' });
});

test('the program does not read our standard input', async t => {
  const { lines } = await runScript(t, `console.log(require('fs').readFileSync(0).length)`);
  t.deepEqual(lines, ['0']);
});

test('aborting ends the program and its children, and says so', async t => {
  const { run, result, controller, events } = await startRig(t, { killAfter: 60_000 });
  const children = [await run.child(), await run.child({ holdOutput: true })];
  t.deepEqual(events, [['started', run.pid]]);
  controller.abort();
  t.is((await result).signal, 'SIGTERM');
  for (const pid of [run.pid, ...children]) t.false(isAlive(pid));
  t.deepEqual(events, [
    ['started', run.pid],
    ['ended', run.pid],
  ]);
});

test('a program that ignores SIGTERM is killed', async t => {
  const { run, result, controller } = await startRig(t, { killAfter: 50 });
  const child = await run.child({ stubborn: true });
  await run.ignoreTermination();
  controller.abort();
  t.is((await result).signal, 'SIGKILL');
  t.false(isAlive(run.pid));
  t.false(isAlive(child));
});

test('a stubborn child that outlives the program is killed too', async t => {
  // Long enough for a busy machine to end the program itself.
  const { run, result, controller } = await startRig(t, { killAfter: 3_000 });
  const child = await run.child({ stubborn: true });
  controller.abort();
  t.is((await result).signal, 'SIGTERM');
  t.false(isAlive(child));
});

test('children in their own process group are ended with the rest', async t => {
  // As ninja starts compilers; `set -m` gives each background job its own group.
  const lines: string[] = [];
  const controller = new AbortController();
  let told = () => {};
  const printed = new Promise<void>(resolve => {
    told = resolve;
  });
  const result = runProcess({
    command: 'bash',
    args: ['-c', 'set -m; sleep 120 & echo $!; wait'],
    cwd: os.tmpdir(),
    env,
    signal: controller.signal,
    onLine: line => {
      lines.push(line);
      told();
    },
    killAfter: 50,
  });
  await printed;
  const child = Number(lines[0]);
  t.true(isAlive(child));
  controller.abort();
  await result;
  t.false(isAlive(child));
});

test('background processes that a program leaves behind are ended', async t => {
  const { run, result } = await startRig(t, { killAfter: 50 });
  const children = [await run.child(), await run.child({ stubborn: true, holdOutput: true })];
  await run.exit(0);
  t.like(await result, { exitCode: 0, signal: null });
  for (const pid of children) t.false(isAlive(pid));
  t.deepEqual(liveProcessGroups(run.pid), []);
});

test('output of a background process right after the exit still arrives', async t => {
  const { lines } = await runScript(
    t,
    `const { spawn } = require('child_process');
     const code = "process.send('up'); process.once('disconnect', () => { console.log('last'); process.exit() })";
     const child = spawn(process.execPath, ['-e', code], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
     child.once('message', () => process.exit(0));`,
  );
  t.deepEqual(lines, ['last']);
});

test('a process that has left the session does not delay the result', async t => {
  const { run, result } = await startRig(t);
  const child = await run.child({ holdOutput: true, ownGroup: true });
  t.teardown(() => {
    if (isAlive(child)) process.kill(child, 'SIGKILL');
  });
  await run.print('the last line');
  await run.exit(0);
  t.like(await result, { exitCode: 0, lastLines: ['the last line'] });
});

test('with a signal that is already aborted, nothing is started', async t => {
  const directory = await directoryFor(t);
  const { result, lines } = await runScript(t, `require('fs').writeFileSync('started', '')`, {
    cwd: directory,
    signal: AbortSignal.abort(),
    onProcess: () => t.fail(),
  });
  t.deepEqual(result, { exitCode: null, signal: null, lastLines: [] });
  t.deepEqual(lines, []);
  t.deepEqual(await readdir(directory), []);
});

test('a program that cannot be started is an error that names it and the remedy', async t => {
  const directory = await directoryFor(t);
  await writeFile(path.join(directory, 'plain'), 'text');
  await chmod(path.join(directory, 'plain'), 0o644);
  const cases: [string, Partial<ProcessOptions>, RegExp][] = [
    ['no-such-program', {}, /no-such-program.*no such program in PATH/],
    [path.join(directory, 'absent'), {}, /absent.*no such file/],
    [path.join(directory, 'plain'), {}, /plain.*chmod \+x/],
    [process.execPath, { cwd: path.join(directory, 'nowhere') }, /nowhere, does not exist/],
    [process.execPath, { args: ['a\0b'] }, /NUL/],
    [process.execPath, { args: Array.from({ length: 200 }, () => 'x'.repeat(100_000)) }, /too long/],
  ];
  for (const [command, options, message] of cases) {
    const error = await t.throwsAsync(
      runProcess({ command, args: [], cwd: directory, env, ...options, onProcess: () => t.fail() }),
      { instanceOf: CannotStartError, code: 'GLOVEBOX_CANNOT_START', message },
    );
    t.is(error?.program, command);
  }
});

test('a log that cannot be written is reported as a line, and the program goes on', async t => {
  const directory = await directoryFor(t);
  const { result, lines } = await runScript(t, `console.log('done')`, {
    logFile: path.join(directory, 'nowhere', 'log'),
  });
  t.is(result.exitCode, 0);
  t.regex(lines[0]!, /the log .*nowhere.* cannot be written: ENOENT/);
  t.is(lines[1], 'done');
});

test('a log on a full disk is reported as a line, and the program goes on', async t => {
  // Every write to this device fails as on a full disk.
  const { result, lines } = await runScript(t, `console.log('one'); console.log('two')`, {
    logFile: '/dev/full',
  });
  t.is(result.exitCode, 0);
  t.is(lines.filter(line => /cannot be written: ENOSPC/.test(line)).length, 1);
  t.deepEqual(
    lines.filter(line => !line.startsWith('[')),
    ['one', 'two'],
  );
});

test('a worker thread can run programs', async t => {
  const url = new URL('../../src/system/process.ts', import.meta.url).href;
  const worker = new Worker(
    `import { parentPort } from 'node:worker_threads';
     const { runProcess } = await import(${JSON.stringify(url)});
     parentPort.postMessage(await runProcess({
       command: process.execPath, args: ['-p', '1 + 1'], cwd: '/', env: {} }));`,
    { eval: true },
  );
  t.teardown(() => worker.terminate().then(() => undefined));
  const [result] = await once(worker, 'message');
  t.deepEqual(result, { exitCode: 0, signal: null, lastLines: ['2'] });
});

test('running a program leaves no file and no open handle behind', async t => {
  const directory = await directoryFor(t);
  const url = new URL('../../src/system/process.ts', import.meta.url).href;
  // In a separate process, which cannot exit while a handle is open.
  const result = await runProcess({
    command: process.execPath,
    args: [
      '--input-type=module',
      '-e',
      `import { runProcess } from ${JSON.stringify(url)};
       await runProcess({ command: process.execPath, args: ['-e', ''], cwd: '/', env: {} });
       await runProcess({ command: 'no-such-program', args: [], cwd: '/', env: {} }).catch(() => {});
       console.log('idle');`,
    ],
    cwd: directory,
    env: { ...env, TMPDIR: directory },
  });
  t.deepEqual(result, { exitCode: 0, signal: null, lastLines: ['idle'] });
  t.deepEqual(await readdir(directory), []);
});

test('captured output is the printed text, without white space at the end', async t => {
  const captured = await captureOutput({
    command: process.execPath,
    args: ['-e', `console.log('1.2.3'); console.error('and more'); console.log()`],
    cwd: os.tmpdir(),
    env,
  });
  t.deepEqual(captured, {
    exitCode: 0,
    signal: null,
    output: '1.2.3\nand more',
    isCut: false,
    timedOut: false,
  });
});

test('capturing ends a program that exceeds the time limit', async t => {
  const captured = await captureOutput({
    command: process.execPath,
    args: ['-e', 'setInterval(() => {}, 60_000)'],
    cwd: os.tmpdir(),
    env,
    timeLimit: 50,
  });
  t.like(captured, { exitCode: null, timedOut: true });
});

test('capturing can be cancelled, and that is not reported as a timeout', async t => {
  const controller = new AbortController();
  const captured = captureOutput({
    command: process.execPath,
    args: ['-e', 'setInterval(() => {}, 60_000)'],
    cwd: os.tmpdir(),
    env,
    signal: controller.signal,
  });
  controller.abort();
  t.like(await captured, { exitCode: null, timedOut: false });
});
