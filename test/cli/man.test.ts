// The manual page of the package.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import test from 'ava';
import { MAIN } from '../support/published.ts';
import { gloveboxHere, runProgram } from './run.ts';

const ROOT = path.resolve(import.meta.dirname, '../..');
const {
  man: [man],
} = JSON.parse(readFileSync(path.join(ROOT, 'package.json'), 'utf8'));
const PAGE = path.join(path.dirname(MAIN), '../../..', man);

/** The page without roff's own requests. */
function text(): string {
  const escapes: Record<string, string> = {
    e: '\\',
    '-': '-',
    dq: '"',
    aq: "'",
    ga: '`',
    ha: '^',
    ti: '~',
    '&': '',
  };
  return readFileSync(PAGE, 'utf8')
    .replace(/^\.[A-Z]+ ?/gm, '')
    .replace(/\\(?:\((..)|(.))/g, (_, long, short) => escapes[long ?? short]!);
}

test('the page has every command with its options, arguments and examples, word for word as the help', async t => {
  const page = text();
  const look = async (command: string[]): Promise<void> => {
    const { stdout } = await gloveboxHere([...command, '--help']);
    t.true(page.includes(['glovebox', ...command].join(' ')));
    for (const [, term] of stdout.matchAll(/^ {2}(--?[a-zA-Z][^\n]*?)(?: {2}|$)/gm))
      t.true(page.includes(`\n${term}\n`), term);
    for (const [example] of stdout.matchAll(/^ {2}\$ .*$/gm)) t.true(page.includes(example), example);
    const commands = /\nCommands:\n(.*?)\n\n/s.exec(stdout)?.[1] ?? '';
    const names = [...commands.matchAll(/^ {2}([a-z-]+) /gm)].map(match => match[1]!);
    await Promise.all(names.filter(one => one !== 'help').map(one => look([...command, one])));
  };
  await look([]);
});

test('man shows the page without a warning', async t => {
  try {
    execFileSync('man', ['--version'], { stdio: 'ignore' });
  } catch {
    t.pass('skipped: there is no man');
    return;
  }
  const env = { MANWIDTH: '200', LC_ALL: 'C.UTF-8' };
  const { status, stdout, stderr } = await runProgram('man', ['--warnings', '-E', 'UTF-8', '-l', PAGE], {
    env,
  });
  t.is(status, 0);
  t.is(stderr, '');
  for (const heading of ['NAME', 'SYNOPSIS', 'COMMANDS', 'EXAMPLES', 'EXIT STATUS', 'ENVIRONMENT', 'FILES']) {
    t.regex(stdout, new RegExp(`^${heading}$`, 'm'));
  }
  t.regex(stdout, /glovebox build ~\/corne --jobs 4/);
});
