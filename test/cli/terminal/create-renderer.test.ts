import test from 'ava';
import { createRenderer } from '../../../src/cli/terminal/create-renderer.ts';
import { LiveRenderer } from '../../../src/cli/terminal/live-renderer.ts';
import { PlainRenderer } from '../../../src/cli/terminal/plain-renderer.ts';
import { JsonRenderer, type OutputStream } from '../../../src/cli/terminal/renderer.ts';
import { useColors } from '../../../src/cli/terminal/style.ts';
import { terminalEnvironment } from '../../../src/config/environment.ts';
import { compiled, finished, START, started } from './scripted-events.ts';

const terminal: OutputStream = { isTTY: true, columns: 80, rows: 24, write: () => true };
const pipe: OutputStream = { write: () => true };

function choose(stream: OutputStream, variables: Record<string, string>, more = {}) {
  const environment = terminalEnvironment(variables);
  return createRenderer({ stream, environment, clock: () => START, cwd: '/', ...more });
}

test('an interactive terminal gets the live view', async t => {
  t.true((await choose(terminal, { TERM: 'xterm' })) instanceof LiveRenderer);
});

test('pipes, continuous integration and terminals that cannot move the cursor get plain lines', async t => {
  t.true((await choose(pipe, { TERM: 'xterm' })) instanceof PlainRenderer);
  t.true((await choose(terminal, { CI: 'true' })) instanceof PlainRenderer);
  t.true((await choose(terminal, { TERM: 'dumb' })) instanceof PlainRenderer);
  t.true((await choose(pipe, { FORCE_COLOR: '1' })) instanceof PlainRenderer);
});

test('a plan is printed in plain lines even on a terminal', async t => {
  t.true((await choose(terminal, {}, { dryRun: true })) instanceof PlainRenderer);
});

test('JSON goes to any output unchanged', async t => {
  t.true((await choose(terminal, {}, { json: true })) instanceof JsonRenderer);
  t.true((await choose(pipe, { FORCE_COLOR: '1' }, { json: true })) instanceof JsonRenderer);
});

test('colours follow the terminal, NO_COLOR, FORCE_COLOR and TERM=dumb', t => {
  t.true(useColors(terminal, terminalEnvironment({ TERM: 'xterm' })));
  t.false(useColors(pipe, terminalEnvironment({ TERM: 'xterm' })));
  t.false(useColors(terminal, terminalEnvironment({ NO_COLOR: '1' })));
  t.false(useColors(terminal, terminalEnvironment({ TERM: 'dumb' })));
  t.true(useColors(pipe, terminalEnvironment({ FORCE_COLOR: '1' })));
  t.false(useColors(terminal, terminalEnvironment({ FORCE_COLOR: '0' })));
});

test('the JSON renderer writes each event unchanged, one per line', t => {
  const chunks: string[] = [];
  const renderer = new JsonRenderer({ write: text => chunks.push(text) });
  const events = [started('left'), compiled(10, 'left', 9), finished(11, { compiled: 1 })];
  for (const event of events) {
    renderer.event(event);
  }
  renderer.close();
  const lines = chunks.join('').split('\n');
  t.is(lines.pop(), '');
  t.deepEqual(
    lines.map(line => JSON.parse(line)),
    events,
  );
});

test('the JSON renderer writes the events of one turn together, and holds none for longer', async t => {
  const chunks: string[] = [];
  const renderer = new JsonRenderer({ write: text => chunks.push(text) });
  renderer.event(started('left'));
  renderer.event(compiled(10, 'left', 9));
  await new Promise(setImmediate);
  t.is(chunks.length, 1);
  renderer.event(compiled(20, 'right', 9));
  renderer.event(compiled(70, 'right', 9));
  t.is(chunks.length, 2, 'the first one is 50 ms old');
});
