// Builds a config, and again whatever a saved change affects, until Ctrl-C. `node main.js DIRECTORY` names the config.
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { watchBuild } from 'glovebox/build';

const configDirectory = process.argv[2] ?? fileURLToPath(new URL('../corne', import.meta.url));
const stop = new AbortController();
process.on('SIGINT', () => stop.abort());

await watchBuild({
  configDirectory,
  signal: stop.signal,
  onEvent(event) {
    switch (event.type) {
      case 'watch-changed':
        console.log(event.changes.join(', '));
        break;
      case 'target-finished':
        console.log(`${event.target}: ${event.files.map(file => path.basename(file)).join(', ')}`);
        break;
      case 'target-failed':
        console.log(`${event.target} failed: ${event.message}`);
        break;
      case 'watch-waiting':
        console.log(`${event.ready} ready, ${event.failed} failed. Waiting for changes.`);
        break;
    }
  },
});
console.log('stopped');
