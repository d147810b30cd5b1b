// What lets a test control a program: it tells the test that it was started and does what the test says, one command
// after the other, until it is told to exit. Plain JavaScript, so that it starts fast.
//
// Over the socket go JSON lines: the first one from here says who we are, then each command is answered by its result.
import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync, symlinkSync, writeFileSync, writeSync } from 'node:fs';
import { connect } from 'node:net';
import path from 'node:path';
import { createInterface } from 'node:readline';

/**
 * Does what the test at `address` says. `argv` is what the program was given, `options` what it makes of it (`build` is
 * the build directory); `own` are commands besides those that every program has.
 */
export async function obey(address, argv, options, own = {}) {
  const commands = { ...common(options), ...own };
  const socket = connect(address);
  // Without the test there is nobody to say when to stop.
  socket.on('error', () => process.exit(70));
  socket.on('close', () => process.exit(70));
  const say = message => socket.write(`${JSON.stringify(message)}\n`);
  say({ pid: process.pid, cwd: process.cwd(), argv, options, environment: { ...process.env } });
  for await (const line of createInterface({ input: socket })) {
    const command = JSON.parse(line);
    if (command.name === 'exit') process.exit(command.code);
    try {
      say({ result: await commands[command.name](command) });
    } catch (error) {
      say({ error: error.message });
    }
  }
}

function common(options) {
  return {
    print({ text, to }) {
      // Synchronous, so that it is in the pipe when the test is told so.
      writeSync(to === 'stderr' ? 2 : 1, Buffer.from(text, 'base64'));
    },
    read({ file }) {
      return readFileSync(path.resolve(file)).toString('base64');
    },
    write({ file, content }) {
      const target = path.resolve(options.build, file);
      mkdirSync(path.dirname(target), { recursive: true });
      writeFileSync(target, Buffer.from(content, 'base64'));
    },
    link({ file, target }) {
      symlinkSync(target, path.resolve(options.build, file));
    },
    ignoreTermination() {
      process.on('SIGTERM', () => {});
    },
    async child({ stubborn, holdOutput, ownGroup }) {
      // Not for ever, so that a failing test leaves nothing behind for long.
      const code = `${stubborn ? "process.on('SIGTERM', () => {});" : ''} process.send('up'); setTimeout(() => {}, 120_000);`;
      const output = holdOutput ? 'inherit' : 'ignore';
      const child = spawn(process.execPath, ['-e', code], {
        stdio: ['ignore', output, output, 'ipc'],
        detached: ownGroup,
      });
      await new Promise(resolve => child.once('message', resolve));
      child.disconnect();
      child.unref();
      return child.pid;
    },
    crash({ signal }) {
      process.kill(process.pid, signal);
      return new Promise(() => {});
    },
  };
}
