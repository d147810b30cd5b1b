// Time from a saved keymap to its layers on the live page, in a real browser.
//
//   node bench/programs/page.ts [--rounds 20] [--browser /usr/bin/chromium]
//
// The keymap is that of the example. Each save changes a key, and is on the page when the browser has painted it.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { chromium } from 'playwright-core';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '20' },
    browser: { type: 'string', default: '/usr/bin/chromium' },
  },
});
const repository = path.resolve(import.meta.dirname, '../..');
const root = mkdtempSync(path.join(os.tmpdir(), 'page-bench-'));
const config = path.join(root, 'corne');
mkdirSync(config);
for (const name of ['build.yaml', 'config']) {
  cpSync(path.join(repository, 'examples/corne', name), path.join(config, name), { recursive: true });
}
// A compiler that takes a second, beside which the page has to be drawn.
const compile = `setTimeout(() => require('fs').writeFileSync(process.argv[1] + '/a.uf2', 'x'), 1000)`;
writeFileSync(
  path.join(config, 'glovebox.config.json'),
  JSON.stringify({
    build: { toolchain: 'command' },
    toolchains: {
      command: {
        program: 'node',
        arguments: ['-e', compile, '{build}'],
        inputs: ['config/**'],
        artifacts: ['*.uf2'],
      },
    },
  }),
);
const keymap = path.join(config, 'config/corne.keymap');
const text = readFileSync(keymap, 'utf8');

const watching = spawn(process.execPath, [path.join(repository, 'src/cli/main.ts'), 'watch', config], {
  env: { ...process.env, GLOVEBOX_CACHE_DIR: path.join(root, 'cache') },
  stdio: ['ignore', 'pipe', 'inherit'],
});
let printed = '';
await new Promise<void>(resolve => {
  watching.stdout.setEncoding('utf8').on('data', chunk => {
    printed += chunk;
    if (printed.includes('Waiting for changes')) resolve();
  });
});
const browser = await chromium.launch({
  executablePath: values.browser,
  args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage'],
});
try {
  const page = await browser.newPage();
  await page.goto(/^Page: (.*)$/m.exec(printed)![1]!);
  const times: number[] = [];
  for (let round = 0; round < Number(values.rounds); round++) {
    const key = `F${1 + (round % 12)}`;
    const isPainted = page.evaluate(`new Promise(resolve => {
      const look = () => {
        const second = document.querySelectorAll('#keymaps .tap')[1];
        if (second?.textContent === '${key}') requestAnimationFrame(() => setTimeout(resolve));
        else requestAnimationFrame(look);
      };
      look();
    })`);
    const began = performance.now();
    writeFileSync(keymap, text.replace('&kp Q', `&kp ${key}`));
    await isPainted;
    times.push(performance.now() - began);
  }
  times.sort((a, b) => a - b);
  const at = (share: number) => `${Math.round(times[Math.floor(share * (times.length - 1))]!)} ms`;
  console.log(`from save to page, ${times.length} saves: median ${at(0.5)}, longest ${at(1)}`);
} finally {
  await browser.close();
  watching.kill('SIGINT');
  await once(watching, 'exit');
  rmSync(root, { recursive: true, force: true });
}
