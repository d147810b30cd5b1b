// One process that needs the value.
import { setTimeout as sleep } from 'node:timers/promises';
import { cacheKey, fileContent, openCache } from 'glovebox';

const cache = openCache({ tag: 'example-get-or-set', ttl: '30d' });

// Everything that the value depends on is in its key: when this file changes, the value is computed again.
const key = await cacheKey('report', 1, fileContent(import.meta.filename));

const report = await cache.getOrSet(
  key,
  async () => {
    console.log('computing');
    await sleep(500);
    return { lines: 42 };
  },
  // A producer that hangs holds up the others for a minute at most.
  { wait: '1m' },
);
console.log(`process ${process.argv[2]} has ${report.lines} lines`);
