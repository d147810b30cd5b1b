// A pool of threads that share a cache: each value is computed once, however many tasks ask for it.
import { openCache } from 'glovebox';
import { Piscina } from 'piscina';

// Importing `glovebox` here makes this thread the coordinator; the workers find it by themselves.
const cache = openCache({ tag: 'example-pool' });
const pool = new Piscina({ filename: new URL('./worker.js', import.meta.url).href, maxThreads: 4 });

const numbers = [27, 30, 27, 30, 27, 30];
const results = await Promise.all(numbers.map(n => pool.run(n)));
console.log(results.join(' '));

const { count } = await cache.stats();
console.log(`${count} entries`);
await pool.close();
