// Three threads load the same sources, as the workers of a test runner do. Each source is transformed once.
import { once } from 'node:events';
import { isMainThread, Worker } from 'node:worker_threads';
import transformer from './transformer.js';

const sources = {
  'add.ts': 'export const add = (a: number, b: number): number => a + b;',
  'half.ts': 'export const half = (n: number): number => n / 2;',
};

let size = 0;
for (const [filename, source] of Object.entries(sources)) {
  size += transformer.process(source, filename).code.length;
}

if (isMainThread) {
  for (let thread = 1; thread <= 2; thread++) await once(new Worker(new URL(import.meta.url)), 'exit');
} else {
  console.log(`a worker loaded ${size} characters`);
}
