// Generates the README's picture: runs `npm start` twice, starting with an empty cache, and draws the output.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { DARK, LIGHT, type Recording, terminalPicture } from './terminal.ts';

const here = import.meta.dirname;
const cache = mkdtempSync(path.join(os.tmpdir(), 'glovebox-picture-'));
try {
  // Without `--silent`, npm prints its own lines first.
  const run = (): Recording => ({
    command: 'npm start',
    output: execFileSync('npm', ['start', '--silent'], {
      cwd: path.resolve(here, '../..'),
      env: { ...process.env, GLOVEBOX_CACHE_DIR: cache, FORCE_COLOR: '1' },
      encoding: 'utf8',
    }),
  });
  const recordings = [run(), run()];
  writeFileSync(path.join(here, 'terminal-light.svg'), terminalPicture(recordings, LIGHT));
  writeFileSync(path.join(here, 'terminal-dark.svg'), terminalPicture(recordings, DARK));
} finally {
  rmSync(cache, { recursive: true, force: true });
}
