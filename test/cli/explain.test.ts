import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { config, LEFT, RIGHT } from './corne.ts';

const SINCE = String.raw`nothing changed since \d{4}-\d\d-\d\d \d\d:\d\d:\d\d`;

test.serial(
  '--explain says for every target why it was compiled, or since when nothing has changed',
  async t => {
    const { buildAlone, directory } = await config(t, {
      onRun: async run => {
        await run.observed([`config/${run.target.shield}.keymap`]);
        await run.succeed();
      },
    });
    const keymap = (half: string, text: string) =>
      writeFile(join(directory, 'config', `corne_${half}.keymap`), text);
    await keymap('left', 'one');
    await keymap('right', 'one');
    const first = await buildAlone('--explain');
    t.is(first.status, 0, first.stderr);
    t.regex(
      first.stdout,
      new RegExp(
        `^Why:\\n {2}${LEFT} {3}compiled: never built here\\n {2}${RIGHT} {2}compiled: never built here\\n`,
        'm',
      ),
    );

    await keymap('left', 'two');
    const plan = await buildAlone('--explain', '--dry-run');
    t.regex(
      plan.stdout,
      new RegExp(`^${LEFT}: would be compiled\\n${LEFT}: {3}config/corne_left\\.keymap changed$`, 'm'),
    );
    t.regex(plan.stdout, new RegExp(`^${RIGHT}: in the cache\\n${RIGHT}: {3}${SINCE}$`, 'm'));
    const second = await buildAlone('--explain');
    t.regex(second.stdout, new RegExp(`^ {2}${LEFT} {3}compiled: config/corne_left\\.keymap changed$`, 'm'));
    t.regex(second.stdout, new RegExp(`^ {2}${RIGHT} {2}from the cache: ${SINCE}$`, 'm'));
  },
);
