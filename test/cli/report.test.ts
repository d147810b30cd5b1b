import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { config, LEFT, succeeds } from './corne.ts';

test.serial('--report writes a page and --trace a trace of the build, or says why not', async t => {
  const { buildAlone, keymap, home } = await config(t, succeeds);
  await keymap('/ { keymap { compatible = "zmk,keymap"; base { bindings = <&kp A &kp B>; }; }; };');
  const { status, stdout, stderr } = await buildAlone(
    '--report',
    'out/build.html',
    '--trace',
    'out/build.json',
  );
  t.is(status, 0, stderr);
  t.regex(stdout, /^ {2}Report: out\/build\.html$/m);
  t.regex(stdout, /^ {2}Trace: out\/build\.json$/m);
  const page = await readFile(join(home, 'out', 'build.html'), 'utf8');
  t.regex(page, new RegExp(`<title>${LEFT}: compiled, `));
  t.regex(page, /<th scope="row">firmware<\/th>/);
  t.regex(page, /<figcaption>0 base<\/figcaption>/);
  t.regex(page, /<title>&amp;kp B<\/title>/);
  const { traceEvents } = JSON.parse(await readFile(join(home, 'out', 'build.json'), 'utf8'));
  t.is(traceEvents.filter(({ cat }: { cat?: string }) => cat === 'compiled').length, 2);

  await writeFile(join(home, 'file'), '');
  const unwritable = await buildAlone('--report', 'file/build.html');
  t.is(unwritable.status, 1);
  t.regex(unwritable.stderr, /^error: Cannot write .*file\/build\.html/);
});

test.serial('a failed build has a report as well, with the failure', async t => {
  const { buildAlone, home, keymap } = await config(t, {
    onRun: async run => {
      await run.print('config/corne.keymap:1:3: error: <bad>');
      await run.exit(1);
    },
  });
  await keymap('this is no keymap');
  const { status, stdout } = await buildAlone('--report', 'build.html', '--json', '--no-cache');
  t.is(status, 1);
  t.notRegex(stdout, /Report:/, 'JSON is events only');
  const page = await readFile(join(home, 'build.html'), 'utf8');
  t.regex(page, /error: &lt;bad&gt;/);
  t.notRegex(page, /Caches/, 'it used none');
});

test.serial('a report without a build is wrong usage', async t => {
  const { buildAlone } = await config(t, succeeds);
  for (const flag of ['--watch', '--dry-run']) {
    const { status, stderr } = await buildAlone('--trace', 'build.json', flag);
    t.is(status, 2);
    t.regex(stderr, /--trace/);
  }
});
