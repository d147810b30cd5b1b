// Productions of the running chain of calls: `getOrSet` inside a producer must not wait for what that producer makes.
import { AsyncLocalStorage } from 'node:async_hooks';
import { CircularWaitError } from '../../errors.ts';

interface Production {
  cache: object;
  key: string;
  /** The lease's token; undefined when the value is made without a lease. */
  token: string | undefined;
  isOver: boolean;
  outer: Production | undefined;
}

const current = new AsyncLocalStorage<Production>();
let running = 0;

/** Calls `produce`, and counts the key as being produced until the result of `produce` is settled. */
export async function runProduction<T>(
  cache: object,
  key: string,
  token: string | undefined,
  produce: () => T | Promise<T>,
): Promise<T> {
  const production: Production = { cache, key, token, isOver: false, outer: current.getStore() };
  running++;
  try {
    return await current.run(production, produce);
  } finally {
    production.isOver = true;
    // In Node 22 every promise takes longer while asynchronous contexts are tracked.
    if (--running === 0) current.disable();
  }
}

/** @throws CircularWaitError when this chain of calls is producing the key of the cache */
export function assertNotProducing(cache: object, key: string): void {
  for (const production of productions()) {
    if (production.key === key && production.cache === cache) throw new CircularWaitError([key]);
  }
}

/** The tokens of all leases under which this chain of calls produces. */
export function heldTokens(): string[] {
  return [...productions()].flatMap(({ token }) => token ?? []);
}

// Work that outlives its producer no longer belongs to the production.
function* productions(): Generator<Production> {
  for (let one = current.getStore(); one; one = one.outer) if (!one.isOver) yield one;
}
