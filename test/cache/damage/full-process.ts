// A process that leaves its cache clean-up work on a full disk, and has nothing else to do.
import { fstatSync, ftruncateSync, openSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { setTimeout } from 'node:timers/promises';
import { createDefaultCache } from '../../../src/index.ts';
import { fill } from './support.ts';

const root = process.argv[2]!;
const cache = createDefaultCache({ tag: 'full', cacheRoot: root });
const filler = openSync(join(root, '..', 'filler'), 'w');
await cache.set('key', 'x'.repeat(80_000));
fill(filler);
let refused = false;
for (let index = 0; index < 300 && !refused; index++) {
  refused = !(await cache.set(`new-${index}`, 'x'.repeat(15_000)));
}
fill(filler);
// Room for the deletion, but not for the clean-up after it. (Removing the blob would make room.)
const blobs = join(root, 'full', 'blobs');
for (const shard of readdirSync(blobs)) if (shard !== 'tmp') rmSync(join(blobs, shard), { recursive: true });
fill(filler);
ftruncateSync(filler, fstatSync(filler).size - 64 * 1024);
const deleted = await cache.delete('key');
fill(filler);
const before = performance.eventLoopUtilization();
await setTimeout(300);
const busy = performance.eventLoopUtilization(before).utilization;
process.stdout.write(JSON.stringify({ refused, deleted, busy }));
