// The live page and the report in a real browser.
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import test from 'ava';
import type { Browser, Page } from 'playwright-core';
import { pageFiles } from '../../../src/cli/page/page-files.ts';
import { NO_BROWSER, newPage, startBrowser, tabStops, violations } from '../../support/browser.ts';
import { eventually } from '../../support/eventually.ts';
import { inFull, isFull } from '../../support/extent.ts';
import { config, LEFT, RIGHT } from '../corne.ts';
import { gloveboxAlone, type Running, startGlovebox } from '../run.ts';

let browser: Browser;
test.before(async () => {
  if (isFull && NO_BROWSER === undefined) browser = await startBrowser();
});
test.after.always(() => browser?.close());

/** A keymap with this key, after which it is valid. */
const keymapWith = (key: string) => `#include <behaviors.dtsi>
#include <dt-bindings/zmk/keys.h>
/ {
  combos { compatible = "zmk,combos"; esc { key-positions = <0 1>; bindings = <&kp ESC>; }; };
  keymap { compatible = "zmk,keymap"; base { bindings = <&kp ${key} &kp B>; }; };
};
`;

/** The address that the program prints. */
async function addressOf({ child }: Running): Promise<string> {
  let printed = '';
  child.stdout.on('data', chunk => {
    printed += chunk;
  });
  await eventually(() => /^Page: .*\/\n/m.test(printed));
  return /^Page: (.*)\n/m.exec(printed)![1]!;
}

/** Resolves when a part of the page contains a text. */
const shows = (page: Page, id: string, text: string) =>
  page.locator(`#${id}`, { hasText: text }).waitFor({ timeout: 60_000 });

inFull(
  'the live page follows a build: its targets, their logs, mistakes, and the keymap as it is saved',
  async t => {
    if (NO_BROWSER !== undefined) return t.pass(NO_BROWSER);
    const { at, keymap, rig, directory } = await config(t);
    await keymap(keymapWith('A'));
    const running = startGlovebox(['watch', 'corne'], at);
    t.teardown(() => running.child.kill('SIGKILL'));
    const url = await addressOf(running);
    const [first, second] = [await rig.nextRun(), await rig.nextRun()];
    const [left, right] = first.target.name === LEFT ? [first, second] : [second, first];
    const { page, complaints, requests } = await newPage(browser);
    await page.goto(url);

    await shows(page, 'status', 'Building: 0 of 2 targets ready.');
    await shows(page, 'targets', `${LEFT}compiling`);
    await shows(page, 'targets', 'never built here');
    await shows(page, 'keymaps', 'esc: A + B → Esc');
    await left.print('[1/2] <b>Compiling</b> keymap.c');
    await shows(page, 'log', '[1/2] <b>Compiling</b> keymap.c');
    await left.print('           FLASH:      208016 B       792 KB     25.65%');
    await left.succeed();
    await shows(page, 'targets', 'ready, compiled');
    await shows(page, 'targets', 'flash 26 %');
    const source = join(directory, 'config/corne.keymap');
    await right.print(`${source}:5:58: error: this key is wrong`);
    await right.exit(1);
    await shows(page, 'failures', 'config/corne.keymap:5:58: error: this key is wrong');
    await shows(page, 'failures', '5 │');
    await shows(page, 'status', '1 of 2 targets ready, 1 failed. Waiting for changes.');

    t.deepEqual(await violations(page), []);
    t.deepEqual(await tabStops(page), [
      `Source of the mistake in ${RIGHT}`,
      'Table of targets',
      'Keys of 0 base',
      `Log of ${LEFT}`,
      `Log of ${RIGHT}`,
    ]);

    // A place that was reached with the keyboard is kept when the page changes under it.
    await page.locator('#targets-table').focus();
    await keymap(keymapWith('F9'));
    await page.locator('#keymaps text', { hasText: 'F9' }).waitFor();
    await shows(page, 'status', 'config/corne.keymap changed: building');
    t.is(await page.evaluate('document.activeElement.id'), 'targets-table');

    running.child.kill('SIGINT');
    await shows(page, 'connection', 'The command has ended.');
    t.is((await running.ended).status, 130);
    t.deepEqual(complaints, []);
    t.deepEqual(
      requests.filter(address => !address.startsWith(url)),
      [],
      'nothing from elsewhere',
    );
  },
);

inFull('a page that loses its connection says so, and comes back by itself', async t => {
  if (NO_BROWSER !== undefined) return t.pass(NO_BROWSER);
  const readers: ServerResponse[] = [];
  const files = pageFiles('corne');
  const server = createServer((request, response) => {
    const name = request.url!.slice(1);
    const file = files.get(name);
    if (file !== undefined) response.writeHead(200, { 'content-type': file.type }).end(file.content);
    else if (name === 'events') {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      readers.push(response);
      const data = JSON.stringify({ id: 'status', html: `answer ${readers.length}` });
      response.write(`retry: 20\n\nevent: part\ndata: ${data}\n\n`);
    }
  }).listen(0, '127.0.0.1');
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const { page } = await newPage(browser);
  await page.goto(`http://127.0.0.1:${port}/`);
  await shows(page, 'status', 'answer 1');
  t.is(await page.locator('#connection').textContent(), '');
  await page.evaluate(`
    said = [];
    new MutationObserver(() => said.push(connection.textContent)).observe(connection, { childList: true });`);
  readers[0]!.destroy();
  await shows(page, 'status', 'answer 2');
  await eventually(async () => (await page.locator('#connection').textContent()) === '');
  t.is(((await page.evaluate('said')) as string[])[0], 'Connection lost. Reconnecting…');
});

inFull('the report can be read in light and dark, on a narrow screen, and by keyboard alone', async t => {
  if (NO_BROWSER !== undefined) return t.pass(NO_BROWSER);
  const { at, keymap, home, directory } = await config(t, {
    onRun: async run => {
      if (run.target.name === LEFT) return run.succeed();
      await run.print(`${directory}/config/corne.keymap:5:58: error: this key is wrong`);
      await run.exit(1);
    },
  });
  await keymap(keymapWith('A'));
  await gloveboxAlone(['build', 'corne', '--report', 'build.html'], at);
  const { page, complaints, requests } = await newPage(browser);
  const address = pathToFileURL(join(home, 'build.html')).href;
  await page.goto(address);
  t.regex(await readFile(join(home, 'build.html'), 'utf8'), /this key is wrong/);
  t.deepEqual(await violations(page), []);
  t.deepEqual(await tabStops(page), [
    'Timeline',
    'Table of targets',
    `Source of the mistake in ${RIGHT}`,
    'Table of caches',
    'Keys of 0 base',
  ]);
  t.deepEqual(complaints, []);
  t.deepEqual(requests, [address]);
});
