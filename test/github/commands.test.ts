// Workflow commands of a build for GitHub Actions.
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { errorCommand, grouped, pathInRepository } from '../../src/cli/report/github/commands.ts';
import {
  MAX_SUMMARY_BYTES,
  type SummaryTarget,
  summaryMarkdown,
} from '../../src/cli/report/github/summary.ts';
import { config, LEFT, RIGHT } from '../cli/corne.ts';
import { gloveboxAlone } from '../cli/run.ts';

test('text of a message cannot become another command or property', t => {
  const place = { file: 'a,b:c%.keymap', line: 3, column: 7 };
  t.is(
    errorCommand('one, two: 100%', 'first\r\nsecond: 50%, ::error::', place),
    '::error file=a%2Cb%3Ac%25.keymap,line=3,col=7,title=one%2C two%3A 100%25::first%0D%0Asecond: 50%25, ::error::',
  );
  t.is(errorCommand('title', 'message'), '::error title=title::message');
});

test('lines in a group are not interpreted as commands', t => {
  const lines = grouped('Log of left', ['::error::forged', '::endgroup::']);
  const token = /^::stop-commands::(.+)$/.exec(lines[1]!)![1]!;
  t.deepEqual(lines, [
    '::group::Log of left',
    `::stop-commands::${token}`,
    '::error::forged',
    '::endgroup::',
    `::${token}::`,
    '::endgroup::',
  ]);
  t.not(grouped('a', [])[1], grouped('a', [])[1]);
});

test('files are named by their path in the repository, or not at all', t => {
  t.is(pathInRepository('/repo/config/a.keymap', '/repo'), 'config/a.keymap');
  t.is(pathInRepository('/elsewhere/a.keymap', '/repo'), undefined);
  t.is(pathInRepository('/repository/a.keymap', '/repo'), undefined);
});

function target(name: string, more: Partial<SummaryTarget> = {}): SummaryTarget {
  return {
    ...{
      name,
      board: 'b',
      shield: undefined,
      why: [],
      finished: undefined,
      failed: undefined,
      cancelled: false,
    },
    ...{ size: undefined, ...more },
  };
}

test("a summary stays below GitHub's size limit, and says what is left out", t => {
  const many = Array.from({ length: 20_000 }, (_, index) =>
    target(`target-${index}`, { why: ['x'.repeat(100)] }),
  );
  const text = summaryMarkdown(many, 1000, [{ file: 'a.keymap', text: 'layers' }]);
  t.true(Buffer.byteLength(text) < MAX_SUMMARY_BYTES);
  t.regex(text, /\n\d+ more parts are left out/);
});

test('texts in a summary are neither Markdown nor HTML', t => {
  const why = ['a|b <script> `code` *bold*\nnext'];
  const text = summaryMarkdown([target('left', { why })], 1000, [{ file: 'a.keymap', text: '````\nfence' }]);
  t.true(text.includes('a\\|b &lt;script> \\`code\\` \\*bold\\* next'));
  t.true(text.includes('`````text\n````\nfence\n`````\n'));
});

test.serial('a build annotates its mistakes, folds its logs, and writes a summary and outputs', async t => {
  const { at, home, directory } = await config(t, {
    onRun: async run => {
      if (run.target.name === LEFT) {
        await run.print('Memory region         Used Size  Region Size  %age Used');
        await run.print('           FLASH:      208016 B       792 KB     25.65%');
        await run.print('             RAM:       57040 B       256 KB     21.76%');
        await run.succeed();
        return;
      }
      await run.print('::error::forged by the compiler');
      await run.print(`${directory}/config/corne.keymap:2:3: error: this is wrong, 100%`);
      await run.exit(3);
    },
  });
  const files = { GITHUB_STEP_SUMMARY: join(home, 'summary.md'), GITHUB_OUTPUT: join(home, 'output') };
  await writeFile(files.GITHUB_STEP_SUMMARY, '# Of another step\n');
  await mkdir(join(directory, 'config'), { recursive: true });
  await writeFile(
    join(directory, 'config/corne.keymap'),
    '/ { keymap { compatible = "zmk,keymap";\n  base { bindings = <&kp Q &kp W>; }; }; };\n',
  );
  const env = { ...at.env, ...files, GITHUB_ACTIONS: 'true', GITHUB_WORKSPACE: directory };
  const { status, stdout } = await gloveboxAlone(['build', 'corne'], { ...at, env });
  t.is(status, 1);
  const lines = stdout.split('\n');
  const group = lines.indexOf(`::group::Log of ${RIGHT}`);
  t.true(group > 0, stdout);
  const [, token] = /^::stop-commands::(.+)$/.exec(lines[group + 1]!)!;
  const end = lines.indexOf(`::${token}::`);
  t.is(lines[end + 1], '::endgroup::');
  t.true(lines.slice(group, end).includes('::error::forged by the compiler'));
  t.is(lines.filter(line => line.startsWith('::error::forged')).length, 1, 'only where it is no command');
  const annotations = lines.filter(line => line.startsWith('::error '));
  t.is(annotations.length, 1, stdout);
  t.is(
    annotations[0],
    '::error file=config/corne.keymap,line=2,col=3,title=Build failed::error: this is wrong, 100%25',
  );
  t.is(await readFile(files.GITHUB_OUTPUT, 'utf8'), 'compiled=1\ncached=0\nfailed=1\n');
  const summary = await readFile(files.GITHUB_STEP_SUMMARY, 'utf8');
  t.true(summary.startsWith('# Of another step\n## Firmware: 1 of 2 targets failed'));
  t.regex(
    summary,
    new RegExp(
      `\\| \`${LEFT}\` \\| compiled \\| .+ \\| \\d+ B \\| 203 KiB \\(25\\.6 %\\) \\| 55\\.7 KiB \\(21\\.8 %\\) \\|`,
    ),
  );
  t.regex(summary, new RegExp(`\\| \`${RIGHT}\` \\| ❌ failed \\|`));
  t.regex(summary, /Layers of config\/corne\.keymap/);
  t.regex(summary, /Q.*W/);

  await writeFile(files.GITHUB_STEP_SUMMARY, '');
  await gloveboxAlone(['build', 'corne'], { ...at, env });
  t.regex(
    await readFile(files.GITHUB_STEP_SUMMARY, 'utf8'),
    new RegExp(`\\| \`${LEFT}\` \\| cache \\| .+ \\| 203 KiB \\(25\\.6 %\\) \\|`),
    'also from the cache',
  );

  // A program that parses the output is not disturbed.
  const json = await gloveboxAlone(['build', 'corne', '--json'], { ...at, env });
  for (const line of json.stdout.trimEnd().split('\n')) t.notThrows(() => JSON.parse(line), line);
});

test.serial('outside of GitHub none of this is printed', async t => {
  const { at } = await config(t, { onRun: run => run.exit(3) });
  const { stdout } = await gloveboxAlone(['build', 'corne'], at);
  t.notRegex(stdout, /^::/m);
});
