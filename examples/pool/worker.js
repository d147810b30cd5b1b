// One task: a number that takes a moment to compute.
import { openCache } from 'glovebox';

const cache = openCache({ tag: 'example-pool', maxSize: '100MB' });

const fibonacci = n => (n < 2 ? n : fibonacci(n - 1) + fibonacci(n - 2));

export default n =>
  cache.getOrSet(`fibonacci ${n}`, () => {
    console.log(`computing ${n}`);
    return fibonacci(n);
  });
